"""Fuzz one target for a time, or a number of inputs; what it finds is kept to be tried again."""

import hashlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import click

from tests.conftest import ROOT
from tests.torture.fuzz.seeds import WORDS, seeds

MAX_INPUT = 65_536
MAX_MB = 900
"""What the service may take, 700 MB, and 200 for the fuzzer's own counters and corpus."""

HANGS = 30
"""Wall-clock seconds; the targets measure the processor's, of which 5 are too many."""


@click.command()
@click.argument("target", type=click.Choice(list(WORDS)))
@click.option("--seconds", default=60, show_default=True, help="How long to go on.")
@click.option("--runs", default=-1, help="How many inputs to try at most.")
@click.option("--seed", default=1, show_default=True, help="Of the mutations.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where the corpus grows and finds are kept; build/fuzz/TARGET by default.",
)
@click.option(
    "--reproduce",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Try only this input.",
)
@click.option("--quiet", is_flag=True, help="Print the summary alone.")
def main(
    target: str, seconds: int, runs: int, seed: int, folder: Path | None, reproduce: Path | None,
    quiet: bool,
) -> None:  # fmt: skip
    """Fuzz images, manifests, messages (of the queue) or bodies (of HTTP requests).

    Prints how many inputs were tried. An exception that is not the service's own, 5 seconds of
    processor time or too much memory end it with status 1, the input being kept in the folder.
    """
    if importlib.util.find_spec("atheris") is None:
        raise click.ClickException("Atheris is not installed: it has wheels for Linux x86-64 only.")
    folder = (folder or ROOT / "build" / "fuzz" / target).absolute()
    if reproduce:
        options = [str(reproduce.absolute())]
    else:
        options = [*_options(target, folder, seconds, seed), f"-runs={runs}"]
    command = [sys.executable, "-m", "tests.torture.fuzz.child", target, *options]
    code, lines = _run(command, show=not quiet)
    if code:
        click.echo("\n".join(lines[-60:]) if quiet else "", err=True)
        raise click.ClickException(f"Fuzzing {target} found something; the input is in {folder}.")
    if reproduce:
        click.echo("Nothing is wrong with this input.")
        return
    report = "\n".join(lines)
    tried = re.findall(r"^stat::number_of_executed_units:\s+(\d+)", report, re.MULTILINE)
    covered = re.findall(r"^#\d+\s.*cov: (\d+)", report, re.MULTILINE)
    click.echo(f"{target}: {tried[-1]} inputs, {covered[-1]} branches covered, nothing found")


def _run(command: list[str], show: bool) -> tuple[int, list[str]]:
    """The exit code, and what was printed."""
    lines = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if show:
                click.echo(lines[-1], err=True)
    return process.returncode, lines


def _options(target: str, folder: Path, seconds: int, seed: int) -> list[str]:
    """libFuzzer's (https://llvm.org/docs/LibFuzzer.html#options), and the corpus on disk."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for data in seeds(target):
        (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data)
    words = folder / "words.dict"
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in WORDS[target])
    words.write_text("".join(f'"{word}"\n' for word in escaped))
    return [
        str(corpus),
        f"-dict={words}",
        f"-artifact_prefix={folder}/",
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-max_len={MAX_INPUT}",
        f"-timeout={HANGS}",
        f"-rss_limit_mb={MAX_MB}",
        "-print_final_stats=1",
    ]


if __name__ == "__main__":
    main()
