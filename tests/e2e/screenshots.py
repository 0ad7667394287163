"""Screenshots of every state of the page, to be looked at one by one.

    python -m tests.e2e.screenshots FOLDER
    python -m tests.e2e.screenshots --readme

Starts the app on this machine, and writes STATE-WIDTH-SCHEME.png of the whole page. With --readme
it writes docs/page.png alone, an answer as README shows it.
"""

import tempfile
from pathlib import Path

import click
from playwright.sync_api import sync_playwright

from localcloud.starting import running
from tests.conftest import ROOT
from tests.e2e.browser import CHROMIUM, QUIET
from tests.e2e.states import STATES, enter, looks, prepare, resize

WIDTHS = (1440, 820, 390, 320)
HEIGHT = "document.querySelector('dialog[open]') ? 900 : document.documentElement.scrollHeight"
"""Of what is shown: a dialog takes the height of its window."""


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="build/screens")
@click.option("--readme", is_flag=True)
@click.option("--state", "states", multiple=True, type=click.Choice(list(STATES)), default=STATES)
def main(folder: Path, readme: bool, states: tuple[str, ...]) -> None:
    """Take them."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as logs,
        running(Path(logs) / "log", "doodle", "--schedule-seconds", "2") as cloud,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        scene = prepare(browser.new_page(reduced_motion="reduce"), cloud.url)
        if readme:
            for _ in range(2):  # the first answer waits for what the server loads only then
                enter(scene, "answer")
            resize(scene, 1280, 800)
            scene.page.screenshot(path=ROOT / "docs" / "page.png")
            return
        for state in states:
            enter(scene, state)
            for width, scheme in looks(scene, WIDTHS):
                name = f"{state}-{width}-{scheme}.png"
                resize(scene, width, scene.page.evaluate(HEIGHT))
                scene.page.screenshot(path=folder / name)  # full_page would take a phone's fingers
            click.echo(state)


if __name__ == "__main__":
    main()
