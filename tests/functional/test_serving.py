"""The benchmark of servers, on a small network and for a moment; no time is judged."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import urllib3
from chalice.app import Chalice
from chalice.config import Config
from chalice.local import LocalDevServer
from click import ClickException

from benchmarks.serve.__main__ import CLIENTS, figures, table
from benchmarks.serve.contestants import OURS, PLAIN, Contestant, others, ours
from benchmarks.serve.handling import FOLDER, THREADS
from benchmarks.serve.handling import load as work
from benchmarks.serve.load import load
from benchmarks.serve.rounds import labels, measured
from benchmarks.serve.servers import REQUIREMENTS, answers, cores, running
from benchmarks.subject import photograph
from chalicelib.inference.packages import read_package
from localcloud.gateway import GatewayHandler
from tests.conftest import ROOT
from tests.loopback import answering

DOODLE = read_package(ROOT / "vendor" / "models" / "doodle")
PHOTOGRAPH = photograph()


def test_an_answers_body_does_not_wait_for_its_headers_to_be_acknowledged() -> None:
    """Which Nagle's algorithm would have it do, for headers and body are two writes."""
    app = Chalice("small")
    app.route("/")(dict)
    seen = []

    class Handler(GatewayHandler):
        def _handle(self) -> None:
            seen.append(self.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            super()._handle()

        do_GET = _handle  # noqa: N815

    config = Config.create(project_dir=".", chalice_app=app)
    server = LocalDevServer(app, config, "127.0.0.1", 0, handler_cls=Handler)
    with answering(server.server):
        url = f"http://127.0.0.1:{server.server.server_port}/"
        assert urllib3.request("GET", url).status == 200
    assert seen == [1]


def children() -> set[psutil.Process]:
    """Of this process, which may have some of other tests."""
    return set(psutil.Process().children())


def test_the_app_is_measured_on_both_servers() -> None:
    before, older = os.sched_getaffinity(0), children()
    by_server = measured(ours(DOODLE), PHOTOGRAPH, CLIENTS, rounds=1, seconds=1)
    assert os.sched_getaffinity(0) == before
    assert children() == older
    assert set(by_server) == {OURS, PLAIN}
    readings = [reading for by in by_server.values() for count in CLIENTS for reading in by[count]]
    assert all(reading.rate > 0 and 0 < reading.p50 <= reading.p99 for reading in readings)
    assert {"over-plain-1", "over-plain-8", "rate-8"} < {
        figure.key for figure in figures(by_server)
    }
    assert [len(table(by_server, count).rows) for count in CLIENTS] == [2, 2]


def test_a_server_runs_on_the_cores_it_is_given_and_ends() -> None:
    first, older = cores()[0][:1], children()
    with running(ours(DOODLE)[1], first) as pool:
        (process,) = children() - older
        assert process.cpu_affinity() == first
        assert labels(answers(pool, PHOTOGRAPH))[0]["name"] in DOODLE.labels()
    assert not process.is_running()


def test_what_a_server_said_is_told_where_it_does_not_start() -> None:
    broken = Contestant("broken", "1 × 1", (sys.executable, "-c", "exit('no wheels')"), {})
    with (
        pytest.raises(ClickException, match=r"(?s)broken, 1 × 1 did not start.*no wheels"),
        running(broken, cores()[0]),
    ):
        pass


def test_an_answer_that_is_none_is_not_counted() -> None:
    with (
        running(ours(DOODLE)[1], cores()[0]) as pool,
        pytest.raises(ClickException, match=r"^4\d\d: "),
    ):
        load([pool], b"no image", 1)


def test_the_others_are_known_and_pinned() -> None:
    names = [contestant.title for contestant in others(DOODLE, Path("venv/bin/python"), 2)]
    assert len(names) == len(set(names)) == 6
    for line in REQUIREMENTS.read_text().splitlines():
        assert line.startswith(("#", "-r ")) or "==" in line


def test_the_others_do_the_same_work() -> None:
    classify = work({FOLDER: str(DOODLE.folder), THREADS: "1"})
    with running(ours(DOODLE)[0], cores()[0]) as pool:
        assert classify(PHOTOGRAPH) == labels(answers(pool, PHOTOGRAPH))


def test_the_script_says_what_it_does() -> None:
    command = [sys.executable, "-m", "benchmarks.serve", "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "--only-ours" in told and "FastAPI" in told
