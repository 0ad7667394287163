"""Teachings on this machine: pictures, one process at a time, and what becomes of it."""

import errno
import os
import sys
from pathlib import Path

import msgspec
import pytest

from chalicelib import files
from chalicelib.errors import BadRequest, Conflict, NotFound, ServiceUnavailable
from localcloud.schoolroom import PICTURES, Schoolroom
from localcloud.starting import wait_for
from stage.teachjobs import STATUS, TABLE, WANTED, Status, Wanted

PETS = Wanted("pets", "mobilenet-v2")

SCRIPT = """
import pathlib, sys
folder = pathlib.Path(sys.argv[-1])
{}
"""
FINISHED = "(folder / 'status.json').write_text('{\"state\": \"finished\"}')"
ENDLESS = "sys.stdin = open(0); (folder / 'begun').touch(); import signal; signal.pause()"


class Disk:
    """A disk that can be full."""

    is_full = False

    def put(self, path: Path, data: bytes) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        files.put(path, data)


def room(tmp_path: Path, work: str) -> Schoolroom:
    """A room whose jobs do this, in Python that knows their `folder`."""
    return Schoolroom(tmp_path / "teachings", (sys.executable, "-c", SCRIPT.format(work)))


def filled(schoolroom: Schoolroom) -> str:
    id = schoolroom.open().id
    for label in ("cat", "köter 🐕"):
        schoolroom.add(id, "../a b.jpg", label, b"bytes")
    return id


def ended(schoolroom: Schoolroom, id: str) -> Status:
    wait_for(lambda: schoolroom.job(id).status.state != "running")
    return schoolroom.job(id).status


def test_pictures_are_kept_under_names_that_lead_nowhere_else(tmp_path: Path) -> None:
    schoolroom = room(tmp_path, FINISHED)
    id = filled(schoolroom)
    folder = tmp_path / "teachings" / id
    lines = [msgspec.json.decode(line) for line in (folder / TABLE).read_bytes().splitlines()]
    assert [line["label"] for line in lines] == ["cat", "köter 🐕"]
    for line in lines:
        path = (folder / line["image"]).resolve()
        assert path.read_bytes() == b"bytes"
        assert path.is_relative_to(folder.resolve())
    assert schoolroom.job(id).pictures == {"cat": 1, "köter 🐕": 1}


def test_pictures_that_wait_a_day_for_the_start_are_removed(tmp_path: Path) -> None:
    schoolroom = room(tmp_path, FINISHED)
    begun, abandoned, waiting = (filled(schoolroom) for _ in range(3))
    schoolroom.start(begun, PETS)
    ended(schoolroom, begun)
    for id in (begun, abandoned):
        os.utime(tmp_path / "teachings" / id / TABLE, (0, 0))
    new = schoolroom.open().id
    assert {path.name for path in (tmp_path / "teachings").iterdir()} == {begun, waiting, new}
    with pytest.raises(NotFound):
        schoolroom.add(abandoned, "a.jpg", "cat", b"bytes")


def test_a_folder_that_was_half_made_or_half_removed_hides_no_job(tmp_path: Path) -> None:
    schoolroom = room(tmp_path, FINISHED)
    begun = filled(schoolroom)
    schoolroom.start(begun, PETS)
    ended(schoolroom, begun)
    (tmp_path / "teachings" / "000009-00000000" / PICTURES).mkdir(parents=True)
    assert [job.id for job in schoolroom.all().jobs] == [begun]
    assert schoolroom.open().id.startswith("000010-")


def test_what_cannot_be_removed_is_in_nobodys_way(tmp_path: Path) -> None:
    schoolroom = room(tmp_path, FINISHED)
    abandoned = tmp_path / "teachings" / filled(schoolroom)
    moved = abandoned.rename(tmp_path / "elsewhere")
    abandoned.symlink_to(moved)  # which rmtree refuses
    os.utime(moved / TABLE, (0, 0))
    assert schoolroom.job(schoolroom.open().id).status.state == "collecting"


def test_a_later_server_adds_to_the_pictures(tmp_path: Path) -> None:
    id = filled(room(tmp_path, FINISHED))
    later = room(tmp_path, FINISHED)
    for _ in range(2):
        later.add(id, "a.jpg", "dog", b"bytes")
    assert later.job(id).pictures == {"cat": 1, "köter 🐕": 1, "dog": 2}
    pictures = (tmp_path / "teachings" / id / "pictures").iterdir()
    assert sorted(path.name[:5] for path in pictures) == ["00001", "00002", "00003", "00004"]


@pytest.mark.parametrize(("label", "data"), [("", b"bytes"), (" ", b"bytes"), ("cat", b"")])
def test_a_picture_needs_a_label_and_bytes(tmp_path: Path, label: str, data: bytes) -> None:
    schoolroom = room(tmp_path, FINISHED)
    id = schoolroom.open().id
    with pytest.raises(BadRequest):
        schoolroom.add(id, "a.jpg", label, data)
    assert schoolroom.job(id).pictures == {}


def test_a_line_that_was_torn_is_left_out_and_ends_no_other(tmp_path: Path) -> None:
    schoolroom = room(tmp_path, FINISHED)
    id = filled(schoolroom)
    table = tmp_path / "teachings" / id / TABLE
    table.write_bytes(table.read_bytes() + b'{"image":"pictures/00003-a.j')
    assert schoolroom.job(id).pictures == {"cat": 1, "köter 🐕": 1}
    schoolroom.add(id, "b.jpg", "cat", b"bytes")
    assert schoolroom.job(id).pictures == {"cat": 2, "köter 🐕": 1}


@pytest.mark.parametrize("file", [STATUS, WANTED])
@pytest.mark.parametrize("torn", [b"", b'{"state":"runn', b"\0" * 40])
def test_a_file_that_was_torn_hides_no_other_job(tmp_path: Path, file: str, torn: bytes) -> None:
    schoolroom = room(tmp_path, FINISHED)
    whole, broken = filled(schoolroom), filled(schoolroom)
    for id in (whole, broken):
        schoolroom.start(id, PETS)
        ended(schoolroom, id)
    (tmp_path / "teachings" / broken / file).write_bytes(torn)
    assert whole in [job.id for job in schoolroom.all().jobs]
    assert schoolroom.job(broken).status.state == ("failed" if file == STATUS else "finished")


def test_a_full_disk_is_told_and_the_pictures_before_are_kept(tmp_path: Path) -> None:
    schoolroom = room(tmp_path, FINISHED)
    id = filled(schoolroom)
    pictures = tmp_path / "teachings" / id / PICTURES
    kept = pictures.rename(pictures.with_name("moved"))
    pictures.write_bytes(b"no folder, so nothing can be written there")
    with pytest.raises(ServiceUnavailable, match="cannot keep"):
        schoolroom.add(id, "a.jpg", "cat", b"bytes")
    pictures.unlink()
    kept.rename(pictures)
    assert schoolroom.job(id).pictures == {"cat": 1, "köter 🐕": 1}


@pytest.mark.parametrize(
    "name", ["", "..", "../pets", "Pets", "a\0b", "🐕", "x" * 65, "a/b", "a b"]
)
def test_a_wrong_name_is_refused_before_the_job_begins(tmp_path: Path, name: str) -> None:
    schoolroom = room(tmp_path, FINISHED)
    id = filled(schoolroom)
    with pytest.raises(BadRequest, match="name"):
        schoolroom.start(id, Wanted(name, "mobilenet-v2"))
    schoolroom.start(id, PETS)
    assert ended(schoolroom, id).state == "finished"


def test_a_job_says_itself_how_it_ended_and_takes_no_more_pictures(tmp_path: Path) -> None:
    schoolroom = room(tmp_path, FINISHED)
    id = filled(schoolroom)
    schoolroom.start(id, PETS)
    assert ended(schoolroom, id).state == "finished"
    with pytest.raises(Conflict, match="begun"):
        schoolroom.add(id, "a.jpg", "cat", b"bytes")
    with pytest.raises(Conflict, match="finished"):
        schoolroom.start(id, PETS)
    assert [job.wanted for job in schoolroom.all().jobs] == [PETS]


def test_a_job_whose_process_is_gone_without_a_word_was_interrupted(tmp_path: Path) -> None:
    schoolroom = room(tmp_path, "sys.exit(1)")
    id = filled(schoolroom)
    schoolroom.start(id, PETS)
    status = ended(schoolroom, id)
    assert status.state == "failed"
    assert "interrupted" in status.error


def test_a_job_of_an_earlier_server_was_interrupted_or_has_its_end(tmp_path: Path) -> None:
    first = room(tmp_path, FINISHED)
    done, torn = filled(first), filled(first)
    first.start(done, PETS)
    ended(first, done)
    first.start(torn, PETS)
    ended(first, torn)
    file = tmp_path / "teachings" / torn / STATUS
    file.write_bytes(msgspec.json.encode(Status("running", "looking at pictures", 1, 2)))
    later = room(tmp_path, FINISHED)
    assert later.job(done).status.state == "finished"
    assert later.job(torn).status.state == "failed"
    assert [job.id for job in later.all().jobs] == [torn, done]


FAILS_ONCE = """
(folder / 'status.json').write_text('{"state": "finished"}' if (folder / 'tried').exists() else
    '{"state": "failed", "error": "The memory is full."}')
(folder / 'tried').touch()
"""


@pytest.mark.parametrize("is_restarted", [False, True])
def test_what_failed_is_taught_again_with_its_pictures(tmp_path: Path, is_restarted: bool) -> None:
    schoolroom = room(tmp_path, FAILS_ONCE)
    id = filled(schoolroom)
    schoolroom.start(id, PETS)
    assert ended(schoolroom, id).error == "The memory is full."
    if is_restarted:
        schoolroom = room(tmp_path, FAILS_ONCE)
        assert [job.status.error for job in schoolroom.all().jobs] == ["The memory is full."]
    schoolroom.start(id, Wanted("pets-2", "mobilenet-v2"))
    assert ended(schoolroom, id) == Status("finished")
    job = schoolroom.job(id)
    assert job.pictures == {"cat": 1, "köter 🐕": 1}
    assert job.wanted and job.wanted.name == "pets-2"


def test_what_an_earlier_server_left_unfinished_is_taught_again(tmp_path: Path) -> None:
    first = room(tmp_path, "")  # which ends without a word
    id = filled(first)
    first.start(id, PETS)
    ended(first, id)
    later = room(tmp_path, FINISHED)
    later.start(id, PETS)
    assert ended(later, id).state == "finished"


def test_cancelling_on_a_full_disk_ends_the_job_and_is_answered(tmp_path: Path) -> None:
    disk = Disk()
    command = (sys.executable, "-c", SCRIPT.format(ENDLESS))
    schoolroom = Schoolroom(tmp_path / "teachings", command, disk.put)
    id, idle = filled(schoolroom), filled(schoolroom)
    schoolroom.start(id, PETS)
    wait_for((tmp_path / "teachings" / id / "begun").exists)
    disk.is_full = True
    assert schoolroom.cancel(id).status == Status("cancelled")
    assert schoolroom.cancel(idle).status == Status("cancelled")
    assert [job.status.state for job in schoolroom.all().jobs] == ["cancelled"]
    later = room(tmp_path, FINISHED)
    assert "disk is full" in later.job(id).status.error
    disk.is_full = False
    assert schoolroom.start(id, PETS).status.state == "running"
    assert schoolroom.cancel(id).status.state == "cancelled"


def test_one_job_runs_at_a_time_and_can_be_cancelled(tmp_path: Path) -> None:
    schoolroom = room(tmp_path, ENDLESS)
    first, second = filled(schoolroom), filled(schoolroom)
    schoolroom.start(first, PETS)
    try:
        wait_for((tmp_path / "teachings" / first / "begun").exists)
        with pytest.raises(Conflict, match="Another"):
            schoolroom.start(second, PETS)
    finally:
        assert schoolroom.cancel(first).status.state == "cancelled"
    assert schoolroom.cancel(first).status.state == "cancelled"
    schoolroom.start(second, PETS)
    assert schoolroom.cancel(second).status.state == "cancelled"


@pytest.mark.parametrize("id", ["..", "000001-00000000", "000001-0000000g", ""])
def test_there_is_no_other_job(tmp_path: Path, id: str) -> None:
    with pytest.raises(NotFound):
        room(tmp_path, FINISHED).job(id)
