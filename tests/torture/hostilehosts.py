"""Hosts that mean no good, by what is wrong with them: what each says once it was asked."""

import gzip
import socket
import struct
import threading
import zlib

from tests.functional.test_fetch import ENDLESS as ENDLESS_BODIES
from tests.functional.test_fetch import IMAGE, MEGABYTE, OK, SLOW, Talk, chunked, forever, silent

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LINE = b"x" * 60_000
SERVER_HELLO = bytes.fromhex("1603030040" + "0200003c0303")  # a record of 64 bytes, and 6 of them


def every_second(first: bytes, drop: bytes) -> Talk:
    """A drop a second: no pause between two is ever long."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        while not threading.Event().wait(1.0):
            connection.sendall(drop)

    return talk


def reset_after(data: bytes) -> Talk:
    """Say it, and break off with RST."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return talk


def then_silent(data: bytes) -> Talk:
    """Say it, and nothing more."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(data)
        silent(connection)

    return talk


HANGING: dict[str, Talk] = {
    **SLOW,
    "a byte of the status line a second": every_second(b"HTTP/1.1 ", b"2"),
    "a byte of a header a second": every_second(OK + b"X: ", b"x"),
    "a byte of the body a second": every_second(OK + b"Content-Length: 100\r\n\r\n", b"x"),
    "stops within the status line": then_silent(b"HTTP/1.1 20"),
    "stops within the headers": then_silent(OK + b"X"),
    "stops within the body": then_silent(OK + b"Content-Length: 99999\r\n\r\n" + IMAGE),
    "stops within a chunk": then_silent(CHUNKED + b"99999\r\n" + IMAGE),
    "stops before the last chunk": then_silent(CHUNKED + b"4000\r\n" + IMAGE + b"\r\n"),
    "goes on with 100 Continue and stops": then_silent(b"HTTP/1.1 100 Continue\r\n\r\n" * 9),
    "redirects, and stops within its headers": then_silent(b"HTTP/1.1 302 F\r\nLocation: /\r\n"),
}
"""After the request was read."""

DEAF: dict[str, Talk] = {
    "accepts and says nothing": silent,
    "half a TLS handshake": then_silent(SERVER_HELLO),
    "a byte of a TLS handshake a second": every_second(SERVER_HELLO, b"\0"),
    "a TLS record that is announced and does not come": then_silent(b"\x16\x03\x03\x40\x00"),
}
"""Before anything was read, and under https."""

BOMB = gzip.compress(bytes(10**7))
ENDLESS: dict[str, Talk] = {
    **ENDLESS_BODIES,
    "header lines": forever(OK, b"X: %b\r\n" % LINE),
    "short header lines": forever(OK, b"X: y\r\n" * 10_000),
    "one header line": forever(OK + b"X: ", MEGABYTE),
    "one header folded": forever(OK + b"X: y", b"\r\n " + LINE),
    "nameless headers": forever(OK, b": y\r\n" * 10_000),
    "the status line": forever(b"HTTP/1.1 200 ", MEGABYTE),
    "no line at all": forever(b"", MEGABYTE),
    "bare 1xx answers": forever(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1000),
    "a chunk's size": forever(CHUNKED, b"0" * 10**6),
    "a chunk's extension": forever(CHUNKED + b"1;", MEGABYTE),
    "a body of 10^18 bytes": forever(OK + b"Content-Length: 1000000000000000000\r\n\r\n", MEGABYTE),
    "a gzip bomb": forever(OK + b"Content-Encoding: gzip\r\n\r\n", BOMB),
    "a gzip bomb that is called an image": forever(OK + b"Content-Type: image/jpeg\r\n\r\n", BOMB),
    "the body of a redirect": forever(
        b"HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\n\r\n", MEGABYTE
    ),
    "the body of an error": forever(b"HTTP/1.1 404 Not Found\r\n\r\n", MEGABYTE),
    "empty lines": forever(b"", b"\r\n" * 10_000),
}
"""As fast as the network takes it."""


def _with(headers: bytes, body: bytes = IMAGE) -> bytes:
    return OK + headers + b"\r\n\r\n" + body


LYING: dict[str, bytes] = {
    "length larger": _with(b"Content-Length: 99999"),
    "length smaller": _with(b"Content-Length: 100"),
    "length 0": _with(b"Content-Length: 0"),
    "length negative": _with(b"Content-Length: -1"),
    "length of 30 digits": _with(b"Content-Length: " + b"9" * 30),
    "length of 5,000 digits": _with(b"Content-Length: " + b"9" * 5000),
    "length in hexadecimal": _with(b"Content-Length: 0x10"),
    "length in words": _with(b"Content-Length: many"),
    "length in other digits": _with("Content-Length: ١٦٣٨٤".encode()),
    "two lengths": _with(b"Content-Length: 5\r\nContent-Length: 16384"),
    "two lengths in a line": _with(b"Content-Length: 5, 16384"),
    "length and chunks": OK
    + b"Content-Length: 5\r\n"
    + CHUNKED.split(b"\r\n", 1)[1]
    + chunked(IMAGE),
    "chunks that are none": CHUNKED + IMAGE,
    "chunk larger": CHUNKED + b"ffff\r\n" + IMAGE,
    "chunk smaller": CHUNKED + b"10\r\n" + IMAGE + b"\r\n0\r\n\r\n",
    "chunk of -16 bytes": CHUNKED + b"-10\r\n" + IMAGE,
    "chunk of -1 byte": CHUNKED + b"-1\r\n" + IMAGE,
    "chunk of -0 bytes": CHUNKED + b"-0\r\n" + IMAGE,
    "chunk of +16 bytes": CHUNKED + b"+10\r\n" + IMAGE,
    "chunk of 1_0 bytes": CHUNKED + b"1_0\r\n" + IMAGE,
    "chunk of 2^64 bytes": CHUNKED + b"10000000000000000\r\n" + IMAGE,
    "chunk of 1,000 digits": CHUNKED + b"f" * 1000 + b"\r\n" + IMAGE,
    "chunk size in words": CHUNKED + b"many\r\n" + IMAGE,
    "chunk without an end": CHUNKED + b"10\r\n" + IMAGE[:16] + b"0\r\n\r\n",
    "no last chunk": CHUNKED + b"4000\r\n" + IMAGE + b"\r\n",
    "chunks called xchunked": _with(b"Transfer-Encoding: xchunked"),
    "chunks compressed": _with(b"Transfer-Encoding: gzip, chunked", chunked(gzip.compress(IMAGE))),
    "an image called HTML": _with(b"Content-Type: text/html"),
    "HTML called an image": _with(b"Content-Type: image/jpeg", b"<html><script>alert(1)</script>"),
    "a type of 60,000 letters": _with(b"Content-Type: " + LINE),
    "compressed, and says so": _with(b"Content-Encoding: gzip", gzip.compress(IMAGE)),
    "compressed twice": _with(b"Content-Encoding: gzip, gzip", gzip.compress(BOMB)),
    "compressed, a header of its own for each": _with(
        b"Content-Encoding: identity\r\nContent-Encoding: deflate", zlib.compress(IMAGE)
    ),
    "compressed, and does not say so": _with(b"Content-Type: image/png", gzip.compress(IMAGE)),
    "called compressed, and is not": _with(b"Content-Encoding: br"),
    "99 headers": _with(b"\r\n".join([b"X: y"] * 99)),
    "101 headers": _with(b"\r\n".join([b"X: y"] * 101)),
    "headers with NUL": _with(b"X: \0\0\0\0"),
    "headers without a colon": _with(b"no colon\r\nX: y"),
    "status 2000": b"HTTP/1.1 2000 OK\r\n\r\n" + IMAGE,
    "status -200": b"HTTP/1.1 -200 OK\r\n\r\n" + IMAGE,
    "status 101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + IMAGE,
    "status 206": b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/2\r\n\r\n" + IMAGE,
    "status 204 with a body": b"HTTP/1.1 204 No Content\r\n\r\n" + IMAGE,
    "status 302 without a Location": b"HTTP/1.1 302 Found\r\n\r\n" + IMAGE,
    "two Locations": b"HTTP/1.1 302 Found\r\nLocation: ftp://a/\r\nLocation: ftp://b/\r\n\r\n",
    "HTTP/0.9": IMAGE,
    "HTTP/2 unasked": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "another protocol": b"220 mail ESMTP\r\n",
    "nothing at all": b"",
}
"""Said once, and the connection closed."""

BREAKING: dict[str, Talk] = {
    "reset at once": reset_after(b""),
    "reset within the headers": reset_after(OK + b"X: "),
    "reset within the body": reset_after(OK + b"Content-Length: 99999\r\n\r\n" + IMAGE),
    "reset within a chunk": reset_after(CHUNKED + b"99999\r\n" + IMAGE),
}
