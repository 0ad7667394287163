"""The page's files, and the headers that keep it safe."""

import json
from pathlib import Path

from chalicelib.errors import NotFound

WEB = Path(__file__).parent / "web"
Headers = dict[str, str | list[str]]

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}

HEADERS = {
    "Cache-Control": "no-store",  # presigned addresses are in answers
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer; nothing but the page may load or run anything, nothing but files may be kept."""

DEPLOYED_HEADERS = {
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Strict-Transport-Security": "max-age=31536000",
}
"""Of every answer of a deployed stage, which is reached by https alone; a laptop speaks http
(https://www.rfc-editor.org/rfc/rfc6797#section-7.2)."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    # a batch's files go to, and its results come from, presigned addresses of S3 or the laptop's
    "connect-src 'self' https: http://127.0.0.1:* http://localhost:*; "
    # the picture behind an address that a visitor pasted is shown beside its labels
    "img-src 'self' data: blob: https: http:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def description(is_public: bool) -> tuple[str, Headers]:
    """The description of the interface and its headers; of a public stage, without the token."""
    text, headers = file("openapi.json")
    document = json.loads(text)
    if is_public:
        del document["security"]
    return json.dumps(document, ensure_ascii=False), headers


def file(name: str) -> tuple[str | bytes, Headers]:
    """A file's content, as text unless it is a picture, and its headers.

    Raises NotFound where the page has no file of that name.
    """
    known = {path.name: path for path in WEB.iterdir() if path.suffix in TYPES}
    if name not in known:
        raise NotFound(f"There is no file {name[:64]!r} here; the page is at the root.")
    path = known[name]
    headers: Headers = {
        "Content-Type": TYPES[path.suffix],
        "Cache-Control": "max-age=300",
    }
    if path.suffix == ".html":
        headers["Content-Security-Policy"] = PAGE_POLICY
        headers["Cache-Control"] = "no-cache"
    data = path.read_bytes()
    return (data if path.suffix == ".jpg" else data.decode()), headers
