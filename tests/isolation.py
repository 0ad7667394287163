"""What tests do not take over from who starts them: environment, models, ignored signals."""

import os
import signal
from collections.abc import Mapping, MutableMapping
from pathlib import Path

KEPT = {
    "HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TERM", "TEST_DATA", "TMPDIR", "TZ",
    "USER",
    *("PYENV_ROOT", "XDG_CACHE_HOME"),  # where other versions of Python are, and what pip fetched
    *("SSL_CERT_DIR", "SSL_CERT_FILE", "LD_LIBRARY_PATH", "LD_PRELOAD"),  # how the machine is made
    *("FAKETIME", "DONT_FAKE_MONOTONIC"),
}  # fmt: skip
KEPT_FAMILIES = ("LC_", "PIP_", "PYTEST_XDIST_", "FAKETIME_")
QUIET_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def own_environment(env: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What of `env` says how the machine is; nothing that says what the product shall do.

    Models are looked for below `folder` alone, beside the bundled ones. A proxy is for pip alone.
    """
    kept = {name: value for name, value in env.items() if _is_kept(name)}
    proxy = env.get("HTTPS_PROXY") or env.get("https_proxy")
    bundle = env.get("REQUESTS_CA_BUNDLE")
    pip = {"PIP_PROXY": proxy, "PIP_CERT": bundle}
    return {name: value for name, value in pip.items() if value} | kept | {
        "MODEL_DIR": str(folder / "models"),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CURL_HOME": str(folder),  # no ~/.curlrc
    }  # fmt: skip


def _is_kept(name: str) -> bool:
    return name in KEPT or name.startswith(KEPT_FAMILIES)


def isolate(env: MutableMapping[str, str], folder: Path) -> None:
    """Give this process, and so all that it starts, an environment and signals of its own."""
    own = own_environment(env, folder)
    env.clear()
    env.update(own)
    hear_signals()


def hear_signals() -> None:
    """Have children react to signals that this process ignores, as it still does.

    What is ignored stays so in a child; what is handled, were it by nothing, is the default there
    (https://pubs.opengroup.org/onlinepubs/9799919799/functions/execve.html).
    """
    for number in QUIET_SIGNALS:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
