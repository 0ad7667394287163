import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.bulk.csvform import RECORD_LINES
from chalicelib.bulk.lines import MAX_LINE
from chalicelib.bulk.manifests import PEEKED, Entry, check_manifest, entries, is_manifest
from chalicelib.errors import BadRequest
from chalicelib.requests import MAX_LABEL


def read(key: str, text: str | bytes, block: int = 7) -> list[Entry]:
    data = text.encode() if isinstance(text, str) else text
    return list(entries(key, (data[n : n + block] for n in range(0, len(data), block))))


def sources(entries: list[Entry]) -> list[str]:
    return [entry.problem or entry.source for entry in entries]


def test_text_has_an_address_a_line() -> None:
    entries = read("m.txt", "http://h/1\n\n# a comment\ns3://b/2\n  http://h/3  ")
    assert sources(entries) == ["http://h/1", "s3://b/2", "http://h/3"]
    assert [entry.id for entry in entries] == ["1", "4", "5"]
    assert [entry.position for entry in entries] == [0, 1, 2]
    assert entries[1].instance.s3_uri == "s3://b/2" and entries[1].instance.url is None


@pytest.mark.parametrize("column", ["url", "source-ref", " URL "])
def test_csv_goes_by_its_header(column: str) -> None:
    entries = read("m.CSV", f'id,{column},note\na,http://h/1,x\n"b","http://h/2,3",\n,http://h/4,')
    assert sources(entries) == ["http://h/1", "http://h/2,3", "http://h/4"]
    assert [entry.id for entry in entries] == ["a", "b", "4"]


def test_csv_as_spreadsheets_save_it() -> None:
    for header, rows in (
        ("id;url;label", ["a;http://h/1;cat", 'b;"http://h/2;3";dog']),
        (
            "\ufeffid;url;label",
            ["a;http://h/1;cat", "", ";;", 'b;"http://h/2;3";dog', ";;", " ; ; "],
        ),
        ("sep=;\nid;url;label", ["a;http://h/1;cat", 'b;"http://h/2;3";dog']),
        ('"sep=,"\nid,url,label', ["a,http://h/1,cat", "b,http://h/2;3,dog"]),
        ("sep=^\nid^url^label", ["a^http://h/1^cat", "b^http://h/2;3^dog"]),
        ("sep=\t\nid\turl\tlabel", ["a\thttp://h/1\tcat", "b\thttp://h/2;3\tdog"]),
        ("id\turl\tlabel", ["a\thttp://h/1\tcat", "b\thttp://h/2;3\tdog"]),
        ("\tid\turl\tlabel", ["\ta\thttp://h/1\tcat", "\tb\thttp://h/2;3\tdog", "\t\t\t"]),
        ("id|url|label", ["a|http://h/1|cat", "b|http://h/2;3|dog"]),
        ("id,url,label,,", ["a,http://h/1,cat,,", "b,http://h/2;3,dog,,", ",,,,", ",,,,"]),
        (' "ID" , "URL" ,"Label"', ['"a" , "http://h/1" ,"cat"', "b, http://h/2;3 , dog"]),
        ("# by hand\n\nid;url;label", ["a;http://h/1;cat", "# c;d", 'b;"http://h/2;3";dog']),
        ('id;url;"the\nnote";label', ["a;http://h/1;;cat", 'b;"http://h/2;3";"x\ny";dog']),
    ):
        for newline in ("\n", "\r\n"):
            entries = read("m.csv", newline.join([header, *rows]).replace("\n", newline))
            kept = [(entry.id, entry.source, entry.label, entry.problem) for entry in entries]
            expected = [("a", "http://h/1", "cat", None), ("b", "http://h/2;3", "dog", None)]
            assert kept == expected, header


def test_a_line_that_cannot_be_read_does_not_tell_the_separator() -> None:
    bad, good = read("m.csv", b'\xff;;;\nurl,label\nhttp://h/1,"two\nlines"\n')
    assert bad.problem == "Line 1 of the manifest: it is neither UTF-8 nor UTF-16."
    assert (good.source, good.label) == ("http://h/1", "two\nlines")


def test_a_header_without_addresses_is_told_with_its_separator() -> None:
    first, *rest = read("m.csv", "id;link\n1;http://h/1\n2;http://h/2\n")
    assert first.problem and "columns url, s3_uri, source-ref" in first.problem
    assert "separated by semicolons, has: id, link" in first.problem
    assert len(rest) == 2 and all(entry.problem for entry in rest)


def test_manifests_of_sagemaker() -> None:
    said: dict[str, object] = {"my-job": 0, "my-job-metadata": {"class-name": "cat"}}
    several = said | {"b-metadata": {"class-name": "dog"}}
    lines: list[dict[str, object]] = [{"label": 3}, {"label": 0}, {"label": 1.5}, said, several]
    lines += [{"x-metadata": 1} | said, {}, {"label": "cat"} | several]
    text = "".join(json.dumps({"source-ref": "s3://b/c"} | line) + "\n" for line in lines)
    entries = read("output.MANIFEST", text)
    expected = ["3", "0", "1.5", "cat", None, "cat", None, "cat"]
    assert [entry.label for entry in entries] == expected
    assert not any(entry.problem for entry in entries) and entries == read("m.jsonl", text)


def test_jsonl_has_an_instance_a_line() -> None:
    entries = read(
        "m.jsonl",
        '{"id": "a", "url": "http://h/1"}\n{"source-ref": "s3://b/2", "recordId": "r", "x": [1]}\n'
        '{"id": 7, "b64": "QUJD"}\n',
    )
    assert sources(entries) == ["http://h/1", "s3://b/2", "inline"]
    assert [entry.id for entry in entries] == ["a", "r", "7"]


def test_a_line_may_tell_what_its_image_shows() -> None:
    table = "url,label,id\nhttp://h/1,tabby cat,a\nhttp://h/2,,b\nhttp://h/3"
    lines = '{"url": "http://h/1", "label": "tabby cat"}\n{"url": "http://h/2"}\n'
    assert [entry.label for entry in read("m.csv", table)] == ["tabby cat", None, None]
    assert [entry.label for entry in read("m.jsonl", lines)] == ["tabby cat", None]
    assert all(entry.instance.url for entry in read("m.csv", table))


def test_a_label_has_a_limit() -> None:
    (entry,) = read("m.csv", f"url,label\nhttp://h/1,{'x' * (MAX_LABEL + 1)}")
    assert entry.problem and "label is longer" in entry.problem


@pytest.mark.parametrize("key", ["m.txt", "m.csv", "m.jsonl"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_windows_writes_them_too(key: str, newline: str, bom: str) -> None:
    bodies = {
        "m.txt": ["http://h/é"],
        "m.csv": ["url", "http://h/é"],
        "m.jsonl": ['{"url": "http://h/é"}'],
    }
    assert sources(read(key, bom + newline.join(bodies[key]) + newline)) == ["http://h/é"]


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("m.jsonl", "{"),
        ("m.jsonl", "[]"),
        ("m.jsonl", "{}"),
        ("m.jsonl", '{"url": 1}'),
        ("m.jsonl", '{"url": "a", "s3_uri": "s3://b/c"}'),
        ("m.jsonl", '{"url": "a", "source-ref": "s3://b/c"}'),
        ("m.jsonl", "[" * 100_000),
        ("m.jsonl", '{"url": "a", "id": "%s"}' % ("x" * 257)),
        ("m.jsonl", '{"url": "\\ud800"}'),
        ("m.txt", b"http://h/\xff"),
        ("m.txt", "x" * (MAX_LINE + 1)),
        ("m.csv", '"http://h/1'),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_bad_line_is_a_record_and_no_dead_batch(key: str, line: str | bytes) -> None:
    good = {
        "m.jsonl": b'{"url": "http://h/"}',
        "m.txt": b"http://h/",
        "m.csv": b"http://h/,",
    }[key]
    header = b"url,s3_uri\n" if key == "m.csv" else b"\n"
    bad = line.encode() if isinstance(line, str) else line
    before, broken, after = read(key, header + good + b"\n" + bad + b"\n" + good, block=2**16)
    assert before.problem is None and after.problem is None
    assert (before.position, broken.position, after.position) == (0, 1, 2)
    assert broken.problem and broken.problem.startswith("Line 3 of the manifest: ")
    assert broken.id == "3"


@pytest.mark.parametrize(
    ("key", "line", "id"),
    [
        ("m.jsonl", '{"id": "a", "url": 1}', "a"),
        ("m.jsonl", '{"id": 7}', "7"),
        ("m.jsonl", '{"recordId": "r", "url": "a", "s3_uri": "s3://b/c"}', "r"),
        ("m.jsonl", '{"id": "a", "url": "a", "source-ref": "s3://b/c"}', "a"),
        ("m.csv", "a,,", "a"),
        ("m.csv", f"a,http://h/,{'x' * (MAX_LABEL + 1)}", "a"),
    ],
)
def test_a_bad_line_keeps_its_own_id(key: str, line: str, id: str) -> None:
    head = "id,url,label\n" if key == "m.csv" else ""
    (entry,) = read(key, head + line, block=2**16)
    assert entry.problem and entry.id == id


def test_no_line_takes_the_id_of_another_for_its_number() -> None:
    table = "id,url\n1,http://h/1\n\xff\n3,http://h/3\n4,http://h/4\n,http://h/5".encode("latin-1")
    assert [entry.id for entry in read("m.csv", table)] == ["1", "line 3", "3", "4", "line 6"]
    rows = '{\n{"id": 1, "url": "http://h/1"}\n{"url": "http://h/2"}\n'
    assert [entry.id for entry in read("m.jsonl", rows)] == ["line 1", "1", "line 3"]


def test_an_id_that_a_line_far_above_has_for_its_number_is_refused() -> None:
    without = '{"url": "http://h/"}\n' * PEEKED
    entries = read(
        "m.jsonl", f'{without}{{"id": "3", "url": "http://h/3"}}\n{{"url": "http://h/"}}\n'
    )
    assert [entry.id for entry in entries[-3:]] == ["25", "line 26", "line 27"]
    assert (
        entries[-2].problem
        and "its id 3 is one that a line without an id may get" in entries[-2].problem
    )
    free = f'{without}{{"id": "{PEEKED + 1}", "url": "http://h/3"}}\n'
    assert read("m.jsonl", free)[-1].problem is None


def numbered(*ids: str | None) -> list[tuple[str, bool]]:
    """The ids of such lines, and whether each line is good."""
    lines = (json.dumps({"url": "http://h/", "id": id}) for id in ids)
    return [(entry.id, entry.problem is None) for entry in read("m.jsonl", "\n".join(lines))]


@pytest.mark.parametrize("own", ["line 3", "line 4"])
def test_no_line_without_an_id_takes_an_own_id_that_looks_like_a_made_up_one(own: str) -> None:
    assert numbered("7", own, None, None) == [
        ("7", True), (own, True),
        ("line 3 of the manifest", True), ("line 4 of the manifest", True),
    ]  # fmt: skip
    assert numbered(None, own) == [("1", True), (own, True)]


def test_an_own_id_like_a_made_up_one_far_below_is_refused_only_where_a_line_may_have_it() -> None:
    many = [None] * PEEKED
    assert numbered("7", *many, "line 3")[-1] == ("line 27 of the manifest", False)
    assert numbered("7", *many, "line 99", None)[-2:] == [
        ("line 99", True), ("line 28 of the manifest", True),
    ]  # fmt: skip
    assert numbered(*many, "line 3")[-1] == ("line 3", True)
    assert numbered(*many, str(PEEKED))[-1] == (f"line {PEEKED + 1}", False)
    third = "line 9 of the manifest"
    assert numbered(third, "a", None) == [("1", False), ("a", True), ("3", True)]
    assert numbered("7", *many, "line 99", third)[-1] == ("line 28 of the manifest", False)


@given(st.lists(st.none() | st.tuples(st.integers(0, 2), st.integers(1, 40)), max_size=60))
def test_no_made_up_id_is_that_of_another_line(ids: list[tuple[int, int] | None]) -> None:
    forms = ("{}", "line {}", "line {} of the manifest")
    own = [forms[id[0]].format(id[1]) if id else None for id in ids]
    entries = numbered(*own)
    kept = {id for (id, _), own_id in zip(entries, own, strict=True) if id == own_id}
    made_up = [id for (id, _), own_id in zip(entries, own, strict=True) if id != own_id]
    assert len(set(made_up)) == len(made_up) and not kept & set(made_up)


def test_ids_given_twice_are_the_callers() -> None:
    entries = read("m.csv", "id,url\na,http://h/1\na,http://h/2")
    assert [(entry.id, entry.source) for entry in entries] == [
        ("a", "http://h/1"),
        ("a", "http://h/2"),
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("block", [1, 7, 1000])
def test_a_quoted_field_of_a_csv_may_have_line_breaks(newline: str, block: int) -> None:
    rows = ["url,note,id", 'http://h/1,"one', "", '# ""two""",a', "http://h/2,,b"]
    entries = read("m.csv", newline.join(rows), block)
    assert [(entry.id, entry.source) for entry in entries] == [
        ("a", "http://h/1"),
        ("b", "http://h/2"),
    ]


@pytest.mark.parametrize("more", [0, 3, RECORD_LINES, 2 * RECORD_LINES])
def test_a_lost_quote_costs_its_line_alone(more: int) -> None:
    for last in ("", 'z,"http://h/z"\n'):
        rest = "".join(f"{number}a,http://h/{number}\n" for number in range(more)) + last
        broken, *entries = read("m.csv", f'id,url\nx,"http://h/x\n{rest}')
        assert broken.problem and broken.problem.startswith("Line 2 of the manifest: its quotes")
        assert [entry.problem for entry in entries] == [None] * (more + bool(last))


def test_a_record_of_several_lines_is_no_longer_than_a_line_may_be() -> None:
    field = "b" * (MAX_LINE // 22)  # csv has a limit of its own for a field
    rows = f'url\nhttp://h/1,{f"{field}," * 21}"x\ny",{field}\nhttp://h/2\n'
    first, *_, last = read("m.csv", rows, block=MAX_LINE)
    assert first.problem and first.problem.startswith("Line 2 of the manifest: its quotes")
    assert last.source == "http://h/2"


def test_a_last_line_without_a_break_has_the_limit_of_every_line() -> None:
    (entry,) = read("m.txt", "x" * (MAX_LINE + 1), block=MAX_LINE)
    assert entry.problem and "is longer than" in entry.problem


def test_a_quote_in_a_comment_opens_nothing() -> None:
    assert sources(read("m.csv", 'url\n# 5" wide, "so\nhttp://h/1\n"http://h/2"')) == [
        "http://h/1",
        "http://h/2",
    ]


@pytest.mark.parametrize("key", ["m.txt", "m.csv", "m.jsonl"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("block", [1, 7])
def test_any_line_break_ends_a_line(key: str, newline: str, block: int) -> None:
    body = {
        "m.txt": ["http://h/1", "", "http://h/2"],
        "m.csv": ["url", "http://h/1", "http://h/2"],
        "m.jsonl": ['{"url": "http://h/1"}', "", '{"url": "http://h/2"}'],
    }[key]
    for end in ("", newline):
        entries = read(key, newline.join(body) + end, block)
        assert sources(entries) == ["http://h/1", "http://h/2"]
        assert [entry.id for entry in entries] == (["2", "3"] if key == "m.csv" else ["1", "3"])


@pytest.mark.parametrize("key", ["m.txt", "m.csv", "m.jsonl"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("block", [1, 7])
def test_utf_16_is_read_too(key: str, encoding: str, bom: str, block: int) -> None:
    body = {
        "m.txt": "http://h/é\r\nhttp://h/😀",
        "m.csv": "url\r\nhttp://h/é\r\nhttp://h/😀\r\n",
        "m.jsonl": '{"url": "http://h/é"}\r{"url": "http://h/😀"}',
    }[key]
    assert sources(read(key, (bom + body).encode(encoding), block)) == ["http://h/é", "http://h/😀"]


def test_what_is_damaged_in_utf_16_costs_its_line_alone() -> None:
    whole = "http://h/1\nhttp://h/\ud800\nhttp://h/3\nhttp://h/4".encode(
        "utf-16-le", "surrogatepass"
    )
    first, two, three, four = read("m.txt", whole[:-1])
    assert (first.problem, three.problem) == (None, None)
    assert two.problem == "Line 2 of the manifest: it is neither UTF-8 nor UTF-16."
    assert four.problem == "Line 4 of the manifest: it is neither UTF-8 nor UTF-16."


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "utf-32-be"])
def test_another_encoding_is_refused_by_name(encoding: str) -> None:
    (entry,) = read("m.txt", "http://h/1\nhttp://h/2\n".encode(encoding))
    assert entry.problem and encoding.upper() in entry.problem and "UTF-8" in entry.problem


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("m.csv", b"name,size\na,1\n" * 3, "the header of a CSV must have one of the columns"),
        ("m.csv", b"url,URL\nhttp://h/1,http://h/2\n", "has the column url twice; rename or"),
        ("m.csv", b"id;url;id\na;http://h/1;b\n", "has the column id twice"),
        ("m.txt", b"\xff\xd8\xff\xe0 a photo", "neither UTF-8 nor UTF-16"),
        ("m.txt", b"Dear all,\nphotos/a.jpg\n", "'Dear all,', which is no http"),
        ("m.txt", "http://h/1\n".encode("utf-32"), "save the file in UTF-8"),
        ("m.jsonl", b'[\n{"url": "http://h/1"},\n{"url": "http://h/2"}\n]\n'[:2], "JSON"),
        ("m.csv", b"url\n" + b"ftp://h/a\n" * 2000, "ftp://h/a', which is no"),
        ("m.txt", b"", "m.txt names no image. It is empty."),
        ("m.txt", b"# nothing yet\n\n", "It is empty."),
        ("m.csv", b"url,id\n\n", "It is empty."),
    ],
)
def test_a_file_that_is_no_manifest_is_refused_whole(name: str, data: bytes, said: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(said)):
        check_manifest(f"s3://images/{name}", [data])


def test_a_manifest_with_an_image_among_bad_lines_is_taken() -> None:
    check_manifest("m.txt", [b"\xff\n" * 900 + b"HTTPS://h/1\n"])
    check_manifest("m.csv", [b"url,id\n,a\n,b\ns3://a/b,c\n"])
    check_manifest("m.csv", [b"note,url,note\na,s3://a/b,c\n"])
    check_manifest("m.jsonl", [b'{"b64": "QUJD"}\n'])


def test_a_csv_without_an_address_column_says_so() -> None:
    entries = read("m.csv", "name,size\na,1\n")
    assert "header" in (entries[0].problem or "")


def test_an_address_with_commas_is_not_taken_for_half_of_it() -> None:
    """As of services that scale pictures; the half may be another picture."""
    url = "http://h/w_100,h_50/1.jpg"
    quoted = f'"{url}"'
    for header, line in (("url", url), ("url,id", f"{url},a"), ("id,url", f"a,{url}")):
        (entry,) = read("m.csv", f"{header}\n{line}\n")
        assert "put an address in quotes" in (entry.problem or ""), line
        (entry,) = read("m.csv", f"{header}\n{line.replace(url, quoted)},,\n")
        assert entry.instance.url == url
    (entry,) = read("m.csv", f"url;id\n{url};a\n")
    assert entry.instance.url == url


def test_another_ending_is_no_manifest() -> None:
    assert not is_manifest("m.json") and is_manifest("folder/M.TXT")
    assert not is_manifest("folder/m.csv/")
    with pytest.raises(BadRequest, match=r"\.jsonl"):
        read("m.json", "")


@given(data=st.binary(max_size=300), block=st.integers(1, 50), key=st.sampled_from("tcj"))
def test_any_bytes_make_entries_whatever_the_blocks(data: bytes, block: int, key: str) -> None:
    name = {"t": "m.txt", "c": "m.csv", "j": "m.jsonl"}[key]
    entries = read(name, data, block)
    assert entries == read(name, data, block=1000)
    assert [entry.position for entry in entries] == list(range(len(entries)))
    for entry in entries:
        assert (entry.problem is None) == (
            entry.source != "inline" or entry.instance.b64 is not None
        )
        assert msgspec.json.decode(msgspec.json.encode(entry), type=Entry) == entry
