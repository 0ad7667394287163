"""Label files as tools write them, and what must not be taken for one."""

import json
from pathlib import Path

import pytest

from chalicelib.errors import ModelInvalid
from tests.conftest import ROOT
from tests.samplepackages import naming_label_files, with_files
from tools.labelling.labelfile import LabelFile, inside, of_network, parsed, read

COLOURS = ["red", "green", "blue"]
COINS = ["1 cent", "2 cent", "5 cent", "2 euro coin"]
TENCH = "tench, Tinca tinca"


def names(text: str | bytes, file: str = "labels.txt") -> list[str]:
    return parsed(text if isinstance(text, bytes) else text.encode(), file).names


def refusal(text: str | bytes, file: str = "labels.txt") -> str:
    with pytest.raises(ModelInvalid) as caught:
        names(text, file)
    return str(caught.value)


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def test_text_as_tools_write_it() -> None:
    for text in (
        lines(*COLOURS),
        lines("0 red", "1 green", "2 blue"),
        lines("0  red", "1  green", "2  blue"),
        lines("0,red", "1,green", "2,blue"),
        lines("0, red", "1, green", "2, blue"),
        lines("0;red;", "1;green;", "2;blue;"),
        lines("0:red", "1:green", "2:blue"),
        lines("0: 'red',", "1: 'green',", "2: 'blue'"),
        lines("0\tred", "1\tgreen", "2\tblue"),
        lines("0 - red", "1 - green", "2 - blue"),
        lines("0. red", "1. green", "2. blue"),
        lines("1 red", "2 green", "3 blue"),
        lines("2 blue", "0 red", "1 green"),
        lines("00000 red", "00001 green", "00002 blue"),
        lines('"0","red"', '"1","green"', '"2","blue"'),
        lines("red,0", "green,1", "blue,2"),
        lines("blue\t2", "red\t0", "green\t1"),
        lines("blue,3", "red,1", "green,2"),
        lines("", "0 red", "", "1 green", "2 blue", "", ""),
        lines('"red"', '"green"', '"blue"'),
        lines("'red',", "'green',", "'blue',"),
        lines("label", *COLOURS),
        lines("class_names", *COLOURS),
        lines("names:", "  0: red", "  1: green", "  2: blue"),
        lines("index,label", "0,red", "1,green", "2,blue"),
        lines("label,index", "blue,2", "red,0", "green,1"),
        lines("note,name,id,note", "x,red,0,y", "x,green,1,y", "x,blue,2,y"),
        lines('"id";"name";"note"', "1;red;x", "2;green;", "3;blue;y", ";;", ";;"),
        lines("sep=;", "id;class", "0;red", "1;green", "2;blue"),
        lines(",label", "0,red", "1,green", "2,blue"),
        lines("index,mid,display_name", "0,/m/1,red", "1,/m/2,green", "2,/m/3,blue"),
        lines("class_id,class_name", "0,red", "1,green", "2,blue"),
        lines("class,name", "0,red", "1,green", "2,blue"),
        lines("n01440764 red", "n01443537 green", "n01484850 blue"),
        lines("0,n01440764,red", "1,n01443537,green", "2,n01484850,blue"),
    ):
        for written in (
            text,
            text.replace("\n", "\r\n"),
            text.replace("\n", "\r"),
            text.strip("\n"),
        ):
            for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"):
                assert names(written.encode(encoding)) == COLOURS, (text, encoding)


def test_names_keep_the_commas_that_are_theirs() -> None:
    for text in (
        lines(TENCH, "goldfish"),
        lines(f'"{TENCH}"', "goldfish"),
        lines(f'0,"{TENCH}"', "1,goldfish"),
        lines(f"0 {TENCH}", "1 goldfish"),
        lines(f"n01440764 {TENCH}", "n01443537 goldfish"),
        lines("id,name", f"0,{TENCH}", "1,goldfish"),
        json.dumps({"0": ["n01440764", TENCH], "1": ["n01443537", "goldfish"]}),
        json.dumps([["tench", "Tinca tinca"], ["goldfish"]]),
        f"{{0: '{TENCH}',\n 1: 'goldfish'}}",
    ):
        assert names(text) == [TENCH, "goldfish"], text


def test_names_keep_the_numbers_they_begin_with() -> None:
    for kept in (
        ["3d printer", "2 euro coin", "7 up"],
        COINS,
        ["2 euro coin", "1 cent", "50 pence"],
        ["1 euro coin", "2 euro coin"],
        ["1 bedroom", "2 bedrooms"],
        ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"],
        ["0 errors", "1 errors", "2 errors"],
        ["16:9", "4:3", "1:1"],
        [str(digit) for digit in range(10)],
        ["1"],
        ["1990s", "80s", "70s"],
        ["0.5 litre", "1.5 litre", "2.5 litre"],
        ["red:1", "blue:2"],
        ["route 0", "route 1", "route 2"],
    ):
        assert names(lines(*kept)) == kept
        assert names(lines(*(f'"{name}"' for name in kept))) == kept
        assert names(json.dumps(kept), "l.json") == kept
    assert names(lines('"0 red"', '"2 blue"')) == ["0 red", "2 blue"]
    assert names(lines('"Apollo, 1"', '"Soyuz, 0"')) == ["Apollo, 1", "Soyuz, 0"]
    assert names(lines("index,digit,name", "0,x,0", "1,y,1")) == ["0", "1"]


def test_json_in_the_usual_shapes() -> None:
    by_index = dict(enumerate(COLOURS))
    by_name = {name: index for index, name in by_index.items()}
    items = [{"id": index, "name": name} for index, name in by_index.items()]
    for value in (
        COLOURS,
        by_index,
        by_name,
        {index: ["n0144076" + str(index), name] for index, name in by_index.items()},
        {"id2label": by_index, "label2id": by_name, "model_type": "vit"},
        {"label2id": by_name},
        {"labels": COLOURS, "tfjsVersion": "1.3.1"},
        {"names": by_index},
        {"categories": [{"id": item["id"], "name": item["name"]} for item in items]},
        items,
        items[::-1],
        [{"id": 1 + index, "name": name} for index, name in by_index.items()],
        [{"label": index, "name": name} for index, name in by_index.items()],
        [{"display_name": name, "name": "/m/1"} for name in COLOURS],
        [[index, name] for index, name in by_index.items()],
        [[name, index] for index, name in by_index.items()],
        [[str(index), name] for index, name in by_index.items()][::-1],
    ):
        text = json.dumps(value)
        assert names(text, "l.json") == names(text) == COLOURS, value
        assert names(text.encode("utf-16"), "l.json") == COLOURS
    assert names("\n".join(map(json.dumps, items)), "l.jsonl") == COLOURS
    assert names(repr(by_index)) == COLOURS


def test_a_label_map_of_protocol_buffers() -> None:
    text = """
        # of COCO
        item {
          name: "/m/01g317"
          id: 2
          display_name: "per\\"son"
        }
        item: { id: 1 name: 'b{i}ke' keypoints { id: 9 label: "nose" } }
    """
    assert names(text) == ["b{i}ke", 'per"son']
    assert "“a” and to “b”" in refusal("item { id: 1 name: 'a' } item { id: 1 name: 'b' }")
    assert "without a name" in refusal("item { id: 1 }")


def test_what_cannot_be_known_is_refused_with_a_reason() -> None:
    for text, file, said in (
        (lines("0 red", "2 blue", "3 green"), "l.txt", "index 1 is missing"),
        (lines("0 red", "1 green", "1 blue"), "l.txt", "“green” and to “blue”"),
        (lines("1,red", "3,green", "4,blue"), "l.txt", "index 2 is missing"),
        (lines("red,0", "blue,2"), "l.txt", "index 1 is missing"),
        (lines("red;1", "blue;1"), "l.txt", "“red” and to “blue”"),
        (lines("id,name", "5,red", "6,blue"), "l.csv", "index 0 is missing"),
        (lines("id,name", "0,red", "1"), "l.csv", "row 3 has 1 columns"),
        (lines("red", "", "blue"), "l.txt", "line 2 is empty"),
        ("", "l.txt", "has no labels"),
        ("\n \n", "l.txt", "has no labels"),
        ("réd".encode("latin-1"), "l.txt", "save it in UTF-8"),
        (b"\x89PNG\r\n\0", "l.png", "no text"),
        (b"red\0\0\0\0\n", "l.txt", "no text"),
        (b"x" * (2**24 + 1), "l.txt", "over 16 MB"),
        ('{"0": "red", "0": "blue"}', "l.json", "“0” twice"),
        ('{"0": "red"}\n{"1": "blue", "1": "green"}', "l.jsonl", "“1” twice"),
        ("{0: 'red', 0: 'blue'}", "l.txt", "“0” twice"),
        ("item { id: 1 name: 'a' name: 'b' }", "l.pbtxt", "“name” twice"),
        (lines("label,label", "red,rot", "blue,blau"), "l.csv", "several columns called “label”"),
        (lines("id;Name;name", "0;red;rot", "1;blue;blau"), "l.csv", "several columns called “na"),
        (lines("id,name,id", "0,red,1", "1,blue,0"), "l.csv", "several columns called “id”"),
        (lines("class,class", "0,red", "1,blue"), "l.csv", "several columns called “class”"),
        ('{"0": "red", "2": "blue"}', "l.json", "index 1 is missing"),
        ('[{"id": 0, "name": "red"}, {"name": "blue"}]', "l.json", "“blue” has no index"),
        ('["red", null]', "l.json", "no text: None"),
        ('["red", ""]', "l.json", "no name for class 1"),
        ('["red", "\\ud800"]', "l.json", "half of a sign"),
        ('{"a": "b"}', "l.json", "give a list of names"),
        ("[]", "l.json", "give a list of names"),
        ("red", "l.json", "not JSON"),
        ("[" * 100_000, "l.json", "not JSON"),
    ):
        assert said in refusal(text, file), (text[:40], refusal(text, file))


def test_what_looks_like_json_may_be_text() -> None:
    assert names(lines("[UNK]", "{other}")) == ["[UNK]", "{other}"]


def test_strange_spaces_are_spaces() -> None:
    assert names("gr\u2028een\nsky\u00a0 blue\n") == ["gr een", "sky blue"]


def test_labels_are_fitted_where_that_is_certain() -> None:
    def fitted(text: str, classes: int) -> list[str]:
        return parsed(text.encode(), "l.txt").fitted(classes).names

    assert fitted(lines("class", *COLOURS), 3) == COLOURS
    assert fitted(lines("class", *COLOURS), 4) == ["class", *COLOURS]
    assert fitted("red, green,blue", 3) == fitted("red;green;blue", 3) == COLOURS
    assert fitted("red, green,blue", 1) == ["red, green,blue"]
    assert fitted(lines(*COLOURS), 4) == COLOURS
    imagenet = [f"class {number}" for number in range(1000)]
    for index, name in ((0, "tench"), (1, "goldfish"), (207, "golden retriever"), (281, "tabby")):
        imagenet[index] = name
    imagenet[999] = "toilet tissue"
    assert fitted(lines("background", *imagenet), 1000) == imagenet
    assert fitted(lines(*imagenet), 1001) == ["background", *imagenet]
    assert fitted(lines("background", *imagenet), 1001)[1:] == imagenet
    assert len(fitted(lines("fish", *imagenet), 1000)) == 1001


def test_what_was_understood_is_told() -> None:
    told = parsed(b"0 red\n1 green\n2 green\n3 blue\n", "l.txt").told()
    assert told == (
        "Labels: 4, first “red”, last “blue”, of l.txt, without the number before each. "
        "Several classes share a name: green."
    )
    assert LabelFile(["red"], "l.txt").told() == "Labels: 1, “red”, of l.txt."


def test_labels_inside_a_network(tmp_path: Path) -> None:
    network = (ROOT / "vendor" / "models" / "doodle-small" / "model.tflite").read_bytes()
    file, beside = tmp_path / "net.tflite", tmp_path / "given.txt"
    beside.write_text("red\ngreen\nblue\n")
    said: list[str] = []

    def names(data: bytes) -> list[str] | None:
        file.write_bytes(data)
        labels = inside(file)
        return labels.names if labels else None

    single = {"labels.txt": b"0 red\r\n1 green\r\n2 blue\r\n"}
    two = single | {"de.txt": b"rot\nblau\n", "vocabulary.txt": b"a\n"}
    assert names(network) is None and names(b"") is None
    assert names(with_files(network, {})) is None
    assert names(with_files(network, {"model.png": b""})) is None
    assert names(with_files(network, single)) == COLOURS
    named = naming_label_files(network, ("de.txt", "de"), ("labels.txt", ""))
    assert names(with_files(named, two)) == COLOURS
    assert names(with_files(naming_label_files(network, ("de.txt", "de")), two)) == ["rot", "blau"]
    for data, reason in (
        (with_files(network, two), "not clear which has the labels"),
        (with_files(network, {"labels.txt": b"\x89\0"}), "labels.txt inside net.tflite is no text"),
        (with_files(network, {"labels.txt": bytes(2**24 + 1)}), "over 16 MB"),
        (with_files(network, single).replace(b"0 red", b"9 red", 1), "damaged"),
    ):
        with pytest.raises(ModelInvalid, match=reason):
            names(data)
        assert of_network(file, beside, 3, said.append) == COLOURS
    file.write_bytes(network)
    with pytest.raises(ModelInvalid, match="no labels inside; give --labels"):
        of_network(file, None, 3, said.append)
    assert read(beside).names == COLOURS
    with pytest.raises(ModelInvalid, match="cannot be read"):
        read(tmp_path / "none.txt")
