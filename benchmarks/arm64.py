"""One network on an emulated Graviton2, whose host lists its processors or, as Lambda's, does not.

    python -m benchmarks.arm64 --root ROOT

ROOT is an unpacked arm64 Linux with a Python; docs/arm64.md says how to come by one. Needs
qemu-aarch64, a C compiler and `unshare`. Prints, for LiteRT by itself and for this service, the
kernels in use, a digest of the scores, and the instructions an inference takes. Emulated seconds
say nothing of a real processor's and are not printed. Takes some minutes.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import chalice
import click

from benchmarks import findings, subject
from benchmarks.findings import Figure, Table
from chalicelib.settings import ROOT, Settings

HERE = Path(__file__).parent / "emulated"
WORK = ROOT / "build" / "arm64"
CPU = "neoverse-n1"
PROCESSOR = """processor\t: {}
BogoMIPS\t: 243.75
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc \
dcpop asimddp ssbs
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1

"""
"""An entry of Graviton2's /proc/cpuinfo on Lambda
(https://github.com/microsoft/onnxruntime/issues/10038)."""

CASES = [
    ("litert", "listed"),
    ("litert", "unlisted"),
    ("service", "unlisted"),
    ("unhelped", "unlisted"),
]
"""What runs, and on what host; "unhelped": without `chalicelib.inference.processors`."""

CONFINE = """
mount --bind {cpuinfo} /proc/cpuinfo
mount -t tmpfs none /sys/devices/system/cpu
if [ "$0" = listed ]; then
  echo 0-1 > /sys/devices/system/cpu/possible
  echo 0-1 > /sys/devices/system/cpu/present
fi
exec "$@"
"""


def prepare(python: Path) -> None:
    """Wheels for that Python on arm64, the code, the plugin, and a Graviton2's /proc/cpuinfo."""
    shutil.rmtree(WORK, ignore_errors=True)
    site = WORK / "site"
    shutil.copytree(ROOT / "chalicelib", site / "chalicelib")
    shutil.copy(ROOT / "app.py", site)
    (WORK / "cpuinfo").write_text("".join(PROCESSOR.format(number) for number in range(2)))
    build = ["cc", "-shared", "-fPIC", "-o", str(WORK / "instructions.so")]
    subprocess.run([*build, str(HERE / "instructions.c")], check=True)
    options = [
        *("--disable-pip-version-check", "--no-warn-conflicts", "-qq", "--target", str(site)),
        *("--only-binary=:all:", "--implementation=cp"),
        f"--python-version={python.name.removeprefix('python')}",
        *(f"--platform=manylinux_2_{minor}_aarch64" for minor in (17, 27, 28, 34)),
    ]
    wanted = ["-r", str(ROOT / "requirements.txt"), f"chalice=={chalice.__version__}"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *wanted], check=True)


def run(
    python: Path, lists: str, program: str, model: str, runs: int
) -> tuple[dict[str, str], int]:
    """What the guest printed, and the instructions it took from its start to its end."""
    command = [
        *("unshare", "--mount", "--map-root-user"),
        *("sh", "-ec", CONFINE.format(cpuinfo=WORK / "cpuinfo"), lists),
        *("qemu-aarch64", "-cpu", CPU, "-plugin", str(WORK / "instructions.so")),
        *("-L", str(python.parents[2]), str(python)),
        *(str(HERE / "guest.py"), program, model, str(runs)),
    ]
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(WORK / "site"),
        "MODEL": model,
        "MODEL_DIR": str(Settings.from_environment().model_dirs[-1]),
        "THREADS": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",  # or the first start does what the second need not
    }
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    counted = re.search(r"^instructions (\d+)$", done.stderr, re.M)
    if done.returncode or not counted:
        raise click.ClickException(f"The emulated program failed: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1]), int(counted[1])


@click.command(help=__doc__)
@click.option(
    "--root", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--model", default=subject.MODEL, show_default=True, help="Package in MODEL_DIR.")
@click.option("--runs", default=2, show_default=True, help="Counted ones; small networks want 100.")
@findings.options
def main(root: Path, model: str, runs: int, as_json: bool, save: bool) -> None:
    """Measure, and print."""
    python = next(iter(sorted(root.resolve().glob("usr/bin/python3.1[1-3]"))), None)
    if python is None:
        raise click.ClickException(f"There is no Python 3.11, 3.12 or 3.13 in {root}/usr/bin.")
    prepare(python)
    subject.model(model)
    figures, rows = [], []
    for program, lists in CASES:
        answer, few = run(python, lists, program, model, 1)
        _, many = run(python, lists, program, model, 1 + runs)
        millions = (many - few) / runs / 1e6
        says = f"{program}, processors {lists}: instructions an inference"
        figures.append(Figure(f"{program}-{lists}", says, millions, f"{millions:,.0f} M"))
        rows.append([program, lists, f"{millions:,.0f} M", *answer.values()])
    answers = Table("What each answered", ["program", "processors", "", *answer], rows)
    title = f"An emulated {CPU}, {model}, one thread"
    findings.publish(findings.Record("arm64", title, figures, [answers]), as_json, save)


if __name__ == "__main__":
    main()
