"""What `tools.model evaluate` is made of, without a network."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from chalicelib.errors import SourceInvalid
from chalicelib.images.preprocessing import IMAGENET, WHOLE, Preprocessing
from tests.unit.test_labels import imagenet
from tools.console.refusals import Refused
from tools.evaluating import picturelists
from tools.evaluating.alternatives import judged, try_all
from tools.evaluating.asking import Answer, loader
from tools.evaluating.calibration import calibration
from tools.evaluating.evaluation import versus
from tools.evaluating.folder import free
from tools.evaluating.labelled import Photo, find
from tools.evaluating.measures import Share, compared
from tools.evaluating.truth import Truths, shown
from tools.evaluating.usual import as_options, called, filters, parts
from tools.options import chosen

ANIMALS = ("cat, house cat", "dog", "hot dog, dog", "10")


def test_a_label_names_the_classes_that_are_called_so() -> None:
    truths = Truths(ANIMALS, None)
    for text, classes in {
        "Cat": (0,), "house  CAT": (0,), "cat, house cat": (0,), "house_cat": (0,), "dog": (1, 2),
        "hot_dog": (2,), "10": (3,), "1": (1,), "4": (), "-1": (), "": (), "bird": (),
        "n02084071": (),
    }.items():  # fmt: skip
        assert truths.classes(text) == classes, text
    assert truths.labels == ["cat", "dog", "hot dog", "10"]


def test_imagenets_ids_are_its_classes() -> None:
    for background in (False, True):
        truths = Truths(imagenet(background), 0 if background else None)
        shift = int(background)
        for text in ("n01440764", "n01440764_tench", "N01440764-tench", "tench", "Tinca tinca"):
            assert truths.classes(text) == (shift,), text
        assert truths.classes("n15075141") == (999 + shift,)  # the last
        assert truths.classes("n99999999") == truths.classes("n014407641") == ()
        assert truths.classes("background") == ()
        assert truths.classes("5") == (() if background else (5,))  # counted from which class?


def test_short_names_are_each_anothers() -> None:
    assert shown(["a, b", "a, c", "crane", "crane", "d, e"]) == [
        "a, b", "a, c", "crane (2)", "crane (3)", "d",
    ]  # fmt: skip


def test_tables_are_read_as_tools_write_them(tmp_path: Path) -> None:
    (tmp_path / "a b.png").touch()
    lines = [["image", "label"], ["a b.png", "cat"], ["http://x/b.png", "dog"]]
    texts = {
        "plain.csv": "\n".join(map(",".join, lines)).encode(),
        "excel.csv": ("\ufeff" + "\r\n".join(map(";".join, lines)) + "\r\n;\r\n").encode(),
        "wide.csv": "\n".join(map("\t".join, lines)).encode("utf-16"),
        "other.tsv": b"Label\tFile Name\tFile\n\ncat\t\ta b.png\ndog\t\thttp://x/b.png\n",
        "headless.csv": b'"a b.png","cat"\nhttp://x/b.png,dog\n',
        "lines.jsonl": b'{"image": "a b.png", "label": "cat"}\n\n'
        b'{"url": "http://x/b.png", "label": "dog"}',
        "bars.csv": b'sep=|\nimage|label\n"a b.png" | cat\nhttp://x/b.png|dog\n',
        "truth.manifest": b'{"source-ref": "a b.png", "job-metadata": {"class-name": "cat"}}\n'
        b'{"source-ref": "http://x/b.png", "job-metadata": {"class-name": "dog"}}\n',
        "sage.manifest": b'{"source-ref": "a b.png", "label": "cat"}\n'
        b'{"source-ref": "http://x/b.png", "label": "dog"}\n',
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text)
        rows, faults = picturelists.read(tmp_path / name)
        assert not faults, name
        assert [(row.called, *row.labels.values()) for row in rows] == [
            ("a b.png", "cat"), ("http://x/b.png", "dog"),
        ], name  # fmt: skip
        assert rows[0].image == tmp_path / "a b.png"


def test_lines_that_name_nothing_are_told_and_tables_of_them_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("image,label\na.png,cat\n,dog\nb.png,\n")
    assert picturelists.read(path).faults == [
        "line 3 of a.csv names no picture", "line 4 of a.csv has no label",
    ]  # fmt: skip
    for text, said in (
        (b"image,label\n", "names no picture with a label"),
        (b"picture,what\na.png,cat\n", "has the columns picture, what"),
        (b"image,label,Label\na.png,cat,dog\n", "has the column label twice. Rename"),
        (b"image,label,source,source\na.png,cat,x,y\n", "has the column source twice"),
        (b"", "names no picture"),
        (b'image,label\na.png,cat\n"' + b"a,b\n" * 40_000, "read at line 32771: field larger"),
        (b"image,label\n\xff\xff,cat", "save it in UTF-8"),
    ):
        path.write_bytes(text)
        with pytest.raises(Refused, match=said):
            picturelists.read(path)


def test_the_column_whose_labels_the_model_has_is_taken(tmp_path: Path) -> None:
    rows = ["file,class,wnid,name", "a.JPEG,0,n01440764,tench", "b.JPEG,1,n01443537,gold fish"]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    labelled = find(tmp_path, [Truths(imagenet(background=True), 0)])
    assert labelled.by == "column wnid of labels.csv" and labelled.classes == [((1,),), ((2,),)]
    assert [photo.label for photo in labelled.photos] == ["n01440764", "n01443537"]


def test_what_is_listed_again_does_not_count_again(tmp_path: Path) -> None:
    rows = ["image,label", *["a.png,cat"] * 3, "b.png,cat", "a.png,10", "./a.png,cat"]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    labelled = find(tmp_path, [Truths(ANIMALS, None)])
    assert [(photo.called, photo.label) for photo in labelled.photos] == [
        ("a.png", "cat"), ("b.png", "cat"), ("a.png", "10"),
    ]  # fmt: skip
    assert labelled.faults == ["3 lines with a picture and label again"]


def test_a_row_that_is_no_address_is_told_and_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,label\ns3://,cat\n" + f"s3://b,{'9' * 5000}\n")
    (tmp_path / "b.png").write_bytes(b"b")
    rows = picturelists.read(tmp_path / "a.csv").rows
    photos = [Photo(row.called, row.image, "") for row in rows]
    load = loader([*photos, Photo("b", tmp_path / "b.png", "")])
    for photo in photos:
        with pytest.raises(SourceInvalid, match="the form s3://"):
            load(photo)
    assert load(Photo("b", tmp_path / "b.png", "")) == b"b"
    assert Truths(ANIMALS, None).classes("9" * 5000) == ()


def test_folders_are_labels_and_what_no_class_has_is_left_out(tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/deeper/2.png", "dog/3", "dog/.hidden", "bird/4.png"):
        (tmp_path / "val" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "val" / name).touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "5.png").touch()
    (tmp_path / "val" / "house_cat").symlink_to(tmp_path / "elsewhere")
    labelled = find(tmp_path / "val", [Truths(ANIMALS, None)])
    (tmp_path / "elsewhere" / "5.png").unlink()
    assert [(p.called, p.label) for p in labelled.photos] == [
        ("cat/1.png", "cat"), ("cat/deeper/2.png", "cat"), ("dog/3", "dog"),
        ("house_cat/5.png", "house_cat"),
    ]  # fmt: skip
    assert labelled.unknown == {"bird": 1} and labelled.shared == {"dog": ["dog", "hot dog"]}
    with pytest.raises(Refused, match=r"mean .*val"):
        find(tmp_path, [Truths(ANIMALS, None)])
    for label in ("1", "2", "3", "4"):
        (tmp_path / "numbers" / label).mkdir(parents=True)
        (tmp_path / "numbers" / label / "a.png").touch()
    with pytest.raises(Refused, match="numbers up to 4, but classes count from 0 to 3"):
        find(tmp_path / "numbers", [Truths(("a", "b", "c", "d"), None)])
    with pytest.raises(Refused, match="hidden"):
        find(tmp_path / "numbers", [Truths(imagenet(background=True), 0)])


def test_an_answer_stands_for_its_top_class_or_for_what_it_was_asked() -> None:
    single = Answer((2, 0, 1), (0.9, 0.6, 0.4), 0, 0)
    several = single._replace(several=True)
    for true, alone, asked in (((0,), 2, 0), ((1,), 2, 2), ((2, 0), 2, 2), ((3,), 2, 2)):
        assert (single.said(true)[0], several.said(true)[0]) == (alone, asked)
    assert several.said((0,)) == (0, 0.6)
    unsure = several._replace(scores=(0.4, 0.3, 0.2))
    assert unsure.said((2,)) == (None, 0.4) and single._replace(scores=(0.4, 0.3, 0.2)).said(
        ()
    ) == (
        2,
        0.4,
    )


def test_the_calibration_error_is_that_of_the_bins() -> None:
    # ten at 0.95 of which nine are right, ten at 0.65 of which three are: (0.05 + 0.35) / 2
    scores = [0.95] * 10 + [0.65] * 10
    right = [True] * 9 + [False] + [True] * 3 + [False] * 7
    calibrated = calibration(scores, right)
    assert calibrated.error == pytest.approx(0.2)
    assert [(bin.of, bin.right) for bin in calibrated.bins] == [(10, 3), (10, 9)]
    assert calibrated.confidence == pytest.approx(0.8) and calibrated.share == pytest.approx(0.6)
    assert calibration([1.0, 0.0], [True, False]).error == 0
    assert calibration([1.0] * 4, [False] * 4).error == 1
    # with 20 pictures chance alone makes some error, with 2,000 little
    many = calibration(scores * 100, right * 100)
    assert 0 < many.by_chance < calibrated.by_chance / 5 and many.error > many.by_chance


def test_two_models_are_told_apart_by_what_only_one_is_right_of() -> None:
    better = compared("a", "b", [(True, True)] * 5 + [(True, False)] * 8 + [(False, True)])
    assert better.p_value == pytest.approx(2 * (1 + 9) / 2**9)
    assert versus(better).startswith(
        "a is right 50 points more often than b, more than luck (p = 0.0"
    )
    luck = compared("a", "b", [(False, False)] + [(False, True)] * 3)
    assert "which may be luck" in versus(luck) and "b is right 75 points" in versus(luck)
    assert "equally often" in versus(compared("a", "b", [(True, True)] * 3))
    assert Share.counted(10, 20).interval == pytest.approx((0.2993, 0.7007), abs=1e-4)


def test_a_way_is_better_only_beyond_the_luck_of_choosing_it() -> None:
    own, better = [True] * 10 + [False] * 10, [True] * 10 + [True] * 7 + [False] * 3
    tried = {WHOLE: own, IMAGENET: better}
    once, often = judged(tried, IMAGENET, 1), judged(tried, WHOLE, 20)
    assert once.corrected == pytest.approx(2 / 2**7) and once.more_than_luck and once.best == 1
    assert often.corrected == pytest.approx(40 / 2**7) and not often.more_than_luck
    assert "That may be luck" in often.verdict and "such pictures would tell" in often.verdict
    kept = judged({WHOLE: better, IMAGENET: own}, WHOLE, 20)
    assert kept.best == 0 and not kept.more_than_luck and "none is right more often" in kept.verdict


def test_what_nothing_speaks_against_stays() -> None:
    """Right in RGB alone; the middle gains one picture of a hundred, bicubic another."""

    def right(ways: Sequence[Preprocessing], label: str) -> list[list[bool]]:
        gains = [(way.resize == "crop") + (way.filter == "bicubic") for way in ways]
        known = [90 if way.channels == "rgb" else 30 for way in ways]
        return [
            [number < a + b for number in range(100)] for a, b in zip(known, gains, strict=True)
        ]

    bgr = Preprocessing(channels="bgr")
    judged = try_all([bgr, WHOLE], right)
    assert judged.tried[0].preprocessing == bgr and judged.more_than_luck
    assert judged.tried[judged.best].preprocessing == WHOLE
    assert "is right on 91%, which is no more than luck" in judged.verdict
    assert judged.chosen_from == 2 * 5 * 3 - 1 and len(judged.tried) == 2 + 4 + 2
    kept = try_all([WHOLE, bgr], right)
    assert not kept.more_than_luck and kept.tried[kept.best].top1.right == 91
    assert "That may be luck (p = 1.000" in kept.verdict


def test_a_report_never_takes_the_place_of_another(tmp_path: Path) -> None:
    for number in ("model", "model-2", "model-3"):
        assert free(None, "model", tmp_path) == tmp_path / number
        (tmp_path / number).mkdir()
    assert free(tmp_path / "model", "", tmp_path) == tmp_path / "model"  # which is empty
    with pytest.raises(Refused, match="not empty"):
        free(tmp_path, "model", tmp_path)


def test_ways_are_different_and_can_be_set() -> None:
    for own in (WHOLE, IMAGENET, Preprocessing("crop", 0.5, filter="lanczos", mean=(1,), std=(2,))):
        ways = [*parts(own), *filters(own)]
        assert ways[0] == own and len({called(way) for way in ways}) == len(ways) - 1
        for way in ways:
            assert called(chosen(own, as_options(way))) == called(way)
