"""Send the page's files, with the headers that keep it safe.

`make page` builds them: compressed, and under names that hold a hash of their content.
"""

import gzip
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from chalicelib.errors import NotFound

WEB = Path(__file__).parent / "web"
BUILT = WEB / "dist"
PACKED = ".gz"
Headers = dict[str, str | list[str]]

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}

HEADERS = {
    "Cache-Control": "no-store",  # answers hold presigned links
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every answer: only the page may load or run anything, only files may be kept."""

DEPLOYED_HEADERS = {
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
    "Strict-Transport-Security": "max-age=31536000",
}
"""Headers of a deployed stage, which is reached only by https; a laptop speaks http
(https://www.rfc-editor.org/rfc/rfc6797#section-7.2)."""

GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)
"""Matches an Accept-Encoding that accepts gzip."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    # a batch's files and results use presigned links of S3, or of the laptop's own
    "connect-src 'self' https: http://127.0.0.1:* http://localhost:*; "
    # the page shows the picture behind a pasted URL beside its labels
    "img-src 'self' data: blob: https: http:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)

DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    # its icons are in its style sheet, and an answer may be a picture
    "img-src 'self' data: blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)

INDEX = "index.html"
DOCS = "docs.html"
PAGES = {INDEX: PAGE_POLICY, DOCS: DOCS_POLICY}
"""What a browser opens, and what each may load."""
REVALIDATED = "no-cache"
FOR_A_DAY = "max-age=86400"
SAMPLES_KEPT = "private, max-age=86400"
"""Cache-Control of a model's samples. No shared cache may keep them: a stage may need a token."""
FOR_GOOD = "public, max-age=31536000, immutable"
"""Cache-Control of a file whose name changes with its content."""
ROBOTS = b"User-agent: *\nAllow: /$\nAllow: /docs$\nAllow: /static/\nDisallow: /\n"
"""Search engines may find the page, but must not classify anything."""


class Sent(NamedTuple):
    """An answer as it goes out: the body's bytes, the headers, and the status."""

    body: bytes
    headers: Headers
    status: int = 200


def description(is_public: bool, asked: Mapping[str, str]) -> Sent:
    """Returns the description of the interface; without the token for a public stage.

    asked: the request's headers.
    """
    document = json.loads((WEB / "openapi.json").read_bytes())
    if is_public:
        del document["security"]
    return packed(json.dumps(document, ensure_ascii=False).encode(), FOR_A_DAY, asked)


def packed(text: bytes, kept: str, asked: Mapping[str, str]) -> Sent:
    """Returns an answer with JSON, compressed if the client accepts it; see `sent`."""
    return sent(gzip.compress(text, mtime=0), TYPES[".json"], kept, asked)


def robots(asked: Mapping[str, str]) -> Sent:
    """Tells search engines what they may visit."""
    return sent(gzip.compress(ROBOTS, mtime=0), "text/plain; charset=utf-8", FOR_A_DAY, asked)


def file(name: str, asked: Mapping[str, str]) -> Sent:
    """Returns a file of the page. asked: the request's headers.

    Raises NotFound if the page has no file of that name.
    """
    path = files().get(name)
    if path is None:
        raise NotFound(f"There is no file {name[:64]!r} here; the page is at the root.")
    kept = FOR_A_DAY if path.parent != BUILT else REVALIDATED if name in PAGES else FOR_GOOD
    data, type_ = path.read_bytes(), TYPES[Path(name).suffix]
    is_packed = path.suffix == PACKED
    answer = sent(data, type_, kept, asked, is_packed)
    if name in PAGES:
        answer.headers["Content-Security-Policy"] = PAGES[name]
    return answer


def sent(
    data: bytes, type_: str, kept: str, asked: Mapping[str, str], is_packed: bool = True
) -> Sent:
    """Returns an answer with the data, or a 304 if the browser already has it.

    kept: how long a browser may keep it. is_packed: whether gzip has compressed the data.
    """
    import hashlib  # OpenSSL, which a prediction does not wait for

    tag = f'W/"{hashlib.sha256(data).hexdigest()[:16]}"'
    headers: Headers = {"Content-Type": type_, "Cache-Control": kept, "ETag": tag}
    if is_packed:
        headers["Vary"] = "Accept-Encoding"
    if tag.removeprefix("W/") in asked.get("if-none-match", ""):
        return Sent(b"", headers, 304)
    if not is_packed:
        return Sent(data, headers)
    if GZIP.search(asked.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
        return Sent(data, headers)
    return Sent(gzip.decompress(data), headers)


def files() -> dict[str, Path]:
    """Returns the files by the name that a browser asks for."""
    paths = [*BUILT.glob(f"*{PACKED}"), *WEB.glob("*.svg")]
    return {path.name.removesuffix(PACKED): path for path in paths}
