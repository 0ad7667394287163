"""Who serves: each a command for a port of loopback, and the best settings it has on few cores."""

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serve.handling import FOLDER, THREADS
from chalicelib.inference.packages import ModelPackage
from chalicelib.settings import ROOT

HOST = "127.0.0.1"
PLAIN, OURS = "chalice local", "make run"


@dataclass(frozen=True)
class Contestant:
    """A server to start.

    setting: processes, and threads of one inference, in words. command: {port} is where it listens.
    environment: besides this process's.
    """

    name: str
    setting: str
    command: tuple[str, ...]
    environment: dict[str, str]

    @property
    def title(self) -> str:
        """What tells it from the others."""
        return f"{self.name}, {self.setting}" if self.setting else self.name


def ours(package: ModelPackage) -> list[Contestant]:
    """The app on Chalice's server as it is, and on the API process of `make run`."""
    environment = {
        "MODEL": package.info.name,
        "ENGINE": "litert",
        "FALLBACK_MODEL": "",
        "PUBLIC": "true",
        "ARMS": "",
    }
    where = ("--host", HOST, "--port", "{port}")
    chalice = (sys.executable, "-c", "from chalice.cli import main; main()")
    local = ("--project-dir", str(ROOT), "local", "--no-autoreload")
    run = (sys.executable, "-m", "localcloud.api", "--project", str(ROOT), *where)
    return [
        Contestant(PLAIN, "", (*chalice, *local, *where), environment),
        Contestant(OURS, "", run, environment),
    ]


def others(package: ModelPackage, python: Path, cores: int) -> list[Contestant]:
    """Returns the other servers, each in the two ways that could be its best.

    One process that uses all cores has the lowest latency. One process on each core, with one
    thread, has the highest throughput.
    """
    servers = []
    for workers, threads in ((1, cores), (cores, 1)):
        setting = f"{workers} × {threads}"
        environment = {
            FOLDER: str(package.folder),
            THREADS: str(threads),
            "SERVE_WORKERS": str(workers),
            "BENTOML_HOME": str(python.parents[1] / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "true",
        }
        for name, command in _commands(workers).items():
            arguments = (str(python), "-m", *command)
            servers.append(Contestant(name, setting, arguments, environment))
    return sorted(servers, key=lambda server: list(_commands(1)).index(server.name))


def _commands(workers: int) -> dict[str, tuple[str, ...]]:
    here = __package__
    where = ("--host", HOST, "--port", "{port}")
    fastapi = ("uvicorn", f"{here}.with_fastapi:app", *where, "--workers", str(workers))
    return {
        "FastAPI + uvicorn": (*fastapi, "--no-access-log"),
        "LitServe": (f"{here}.with_litserve", "{port}", str(workers)),
        "BentoML": ("bentoml", "serve", f"{here}.with_bentoml:Inception", *where),
    }
