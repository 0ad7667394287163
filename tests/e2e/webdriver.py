"""Firefox and WebKit for the tests of the page: as much of WebDriver as these need.

Playwright drives builds of its own of both, which no package registry has. Its way to an ordinary
Firefox asks for commands of WebDriver BiDi that Debian's Firefox does not know. Selenium drives
Firefox through geckodriver, which neither Debian, PyPI nor npm has. So this speaks to Firefox's own
Marionette, which geckodriver only translates to, and to WebKitGTK's WebKitWebDriver.
"""

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from localcloud.listening import held_port
from localcloud.starting import started, wait_for

FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
MINIBROWSER = max(Path("/usr/lib").glob("*/webkit2gtk-*/MiniBrowser"), default=None)

# what a command of Marionette is called over HTTP: https://w3c.github.io/webdriver/#endpoints
PATHS = {
    "Navigate": "url",
    "SetWindowRect": "window/rect",
    "ExecuteScript": "execute/sync",
    "FindElement": "element",
    "ElementClick": "element/{id}/click",
    "ElementSendKeys": "element/{id}/value",
    "PerformActions": "actions",
}
KEYS = {
    "Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Home": "\ue011",
    "ArrowRight": "\ue014",
}  # fmt: skip

# by which an element is known in JSON: https://w3c.github.io/webdriver/#elements
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

# the texts of the elements that are shown and have the words
SEEN = """
  const [selector, words] = arguments;
  return [...document.querySelectorAll(selector)]
    .filter((element) => element.checkVisibility()).map((element) => element.textContent)
    .filter((text) => text.includes(words));
"""

Command = Callable[[str, dict[str, Any]], Any]


class Browser:
    """A window with a page. downloads: the folder that files are saved into."""

    def __init__(self, command: Command, downloads: Path) -> None:
        self._command = command
        self.downloads = downloads

    def open(self, url: str) -> None:
        self._command("Navigate", {"url": url})

    def resize(self, width: int, height: int) -> None:
        self._command("SetWindowRect", {"width": width, "height": height})

    def run(self, script: str, *args: Any) -> Any:
        """What the script, the body of a function, returns."""
        return self._command("ExecuteScript", {"script": script, "args": args})

    def see(self, selector: str, words: str = "") -> str:
        """The text of the element that is shown and has these words, as soon as there is one."""
        return str(wait_for(lambda: self.run(SEEN, selector, words))[0])

    def click(self, selector: str) -> None:
        """selector: of CSS, or XPath after slashes."""
        self._command("ElementClick", {"id": self._find(selector)})

    def press_button(self, name: str) -> None:
        """Press it, as soon as it is shown."""
        button = self._find(f"//button[normalize-space()='{name}' or .//img/@alt='{name}']")
        wait_for(lambda: self.run("return arguments[0].checkVisibility()", {ELEMENT: button}))
        self._command("ElementClick", {"id": button})

    def type(self, selector: str, text: str) -> None:
        """The keys of the text; for an input of files, their paths, one a line."""
        self._command("ElementSendKeys", {"id": self._find(selector), "text": text})

    def press(self, *keys: str) -> None:
        """Keys by name, or letters, wherever the focus is."""
        strokes = [
            {"type": kind, "value": KEYS.get(key, key)}
            for key in keys
            for kind in ("keyDown", "keyUp")
        ]
        actions = [{"type": "key", "id": "keyboard", "actions": strokes}]
        self._command("PerformActions", {"actions": actions})

    def tab_to(self, selector: str) -> None:
        for _ in range(40):
            self.press("Tab")
            if self.run("return document.activeElement.matches(arguments[0])", selector):
                return
        raise AssertionError(f"Tab never reached {selector}")

    def downloaded(self, pattern: str) -> Path:
        """The file saved under such a name, once it is whole."""
        files = wait_for(
            lambda: [path for path in self.downloads.glob(pattern) if path.stat().st_size]
        )
        return files[0]

    def _find(self, selector: str) -> str:
        using = "xpath" if selector.startswith("/") else "css selector"
        element = self._command("FindElement", {"using": using, "value": selector})
        return str(next(iter(element.values())))


@contextlib.contextmanager
def firefox(folder: Path) -> Iterator[Browser]:
    """Firefox without a window, with a profile and downloads in the folder."""
    preferences: dict[str, Any] = {
        "browser.download.dir": str(folder),
        "browser.download.folderList": 2,  # that folder
        "marionette.port": 0,  # a free one, which it writes into its profile
    }
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(it)});" for name, it in preferences.items()
    ]
    (folder / "user.js").write_text("\n".join(lines))
    assert FIREFOX
    command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(folder)]
    port = folder / "MarionetteActivePort"
    with started(command, {"HOME": str(folder)}, stderr=subprocess.DEVNULL):
        wait_for(lambda: port.exists() and port.read_text())
        with (
            socket.create_connection(("127.0.0.1", int(port.read_text()))) as wire,
            wire.makefile("rb") as answers,
        ):
            yield Browser(_marionette(wire, answers), folder)


def _marionette(wire: socket.socket, answers: BinaryIO) -> Command:
    """A session's commands, as https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
    has it: JSON, with its length before it."""

    def receive() -> Any:
        length = b"".join(iter(lambda: answers.read(1), b":"))
        return json.loads(answers.read(int(length)))

    numbers = itertools.count(1)

    def command(name: str, params: dict[str, Any]) -> Any:
        message = json.dumps([0, next(numbers), f"WebDriver:{name}", params]).encode()
        wire.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = receive()
        assert error is None, error
        return result.get("value")

    receive()  # it greets
    command("NewSession", {})
    return command


@contextlib.contextmanager
def webkit(folder: Path) -> Iterator[Browser]:
    """WebKitGTK's small browser, on a screen in memory, with downloads in the folder."""
    (folder / "user-dirs.dirs").write_text(f'XDG_DOWNLOAD_DIR="{folder}"\n')
    ours, theirs = os.pipe()
    screen = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1400x1100x24", "-nolisten", "tcp"]
    with started(screen, pass_fds=[theirs], stderr=subprocess.DEVNULL), os.fdopen(ours) as display:
        os.close(theirs)
        home = {
            name: str(folder)
            for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
        }
        env = {**home, "DISPLAY": f":{display.readline().strip()}"}
        with (
            held_port() as port,
            started(["WebKitWebDriver", f"--port={port}"], env, stderr=subprocess.DEVNULL),
        ):
            root = f"http://127.0.0.1:{port}"
            wait_for(lambda: _is_up(f"{root}/status"))
            options = {"binary": str(MINIBROWSER), "args": ["--automation"]}
            wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
            session = f"{root}/session/{_ask(f'{root}/session', wanted)['sessionId']}"

            def command(name: str, params: dict[str, Any]) -> Any:
                return _ask(f"{session}/{PATHS[name].format(**params)}", params)

            yield Browser(command, folder)
            _ask(session, None, "DELETE")


def _ask(url: str, body: Any, method: str = "POST") -> Any:
    request = urllib.request.Request(
        url, None if body is None else json.dumps(body).encode(), method=method
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["value"]


def _is_up(url: str) -> bool:
    with contextlib.suppress(OSError):
        return bool(_ask(url, None, "GET")["ready"])
    return False


ENGINES = {
    "firefox": (firefox, "firefox-esr" if FIREFOX is None else ""),
    "webkit": (
        webkit,
        "webkit2gtk-driver and xvfb"
        if not (MINIBROWSER and shutil.which("WebKitWebDriver") and shutil.which("Xvfb"))
        else "",
    ),
}
"""How each is started, and what is missing for it on this machine: names of Debian's packages."""
