import msgspec
import pytest

from chalicelib.bulk.inlined import PLACES_NAMED, manifest_of
from chalicelib.bulk.lines import MAX_LINE
from chalicelib.bulk.manifests import entries
from chalicelib.errors import BadRequest
from chalicelib.requests import Example, Instance


def ids(*instances: Instance) -> list[str]:
    return [entry.id for entry in entries("m.jsonl", [manifest_of(instances)])]


def test_an_instance_without_an_id_has_its_place() -> None:
    assert ids(Instance(url="http://h/1"), Instance(id="a", url="http://h/2")) == ["0", "a"]
    assert ids(Instance(id="", url="http://h/1")) == ["0"]


def test_a_place_is_no_id_where_another_has_it() -> None:
    first, second = Instance(url="http://h/1"), Instance(id="0", url="http://h/2")
    third = Instance(id="instance 0", url="http://h/3")
    assert ids(first, second) == ["instance 0", "0"]
    assert ids(first, second, third) == ["instance instance 0", "0", "instance 0"]


def test_ids_given_twice_are_the_callers() -> None:
    assert ids(*[Instance(id="a", url="http://h/1")] * 3) == ["a", "a", "a"]


@pytest.mark.parametrize(
    "bad",
    [
        Instance(),
        Instance(url=""),
        Instance(id="a", url="http://h/", s3_uri="s3://b/c"),
        Example(url="http://h/", b64="QUJD", label="a"),
        Instance(b64="A" * MAX_LINE),
    ],
    ids=lambda bad: repr(bad)[:40],
)
def test_what_is_not_one_image_is_refused_by_its_place(bad: Instance) -> None:
    good = Instance(url="http://h/")
    with pytest.raises(BadRequest, match=r"from 0: 1 \(it .+\); 3 \(it .+\)\.$"):
        manifest_of([good, bad, good, bad])


def test_a_refusal_names_some_places_of_many() -> None:
    with pytest.raises(BadRequest, match=rf"{PLACES_NAMED - 1} \(it [^;]+; and 9980 more\.$"):
        manifest_of([Instance()] * 10_000)


def test_a_label_stays() -> None:
    lines = manifest_of([Example(url="http://h/", label="cat")])
    assert msgspec.json.decode(lines)["label"] == "cat"
