"""Where the fuzzer starts: one valid input of each kind, and the words that formats are made of."""

import base64
from collections.abc import Iterator

import msgspec

from tests.sampleimages import png

MAX_SEED = 6000

WORDS = {
    "images": (
        b"\xff\xd8\xff", b"\xff\xc0", b"\xff\xc2", b"\xff\xc4", b"\xff\xda", b"\xff\xd9",
        b"\xff\xe1", b"\xff\xee", b"Exif\0\0", b"Adobe\0", b"IHDR", b"PLTE", b"tRNS", b"IDAT",
        b"IEND", b"eXIf", b"GIF89a", b"!\xf9\x04", b"!\xff\x0bNETSCAPE2.0", b"RIFF", b"WEBP",
        b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"II*\0", b"MM\0*", b"II+\0",
        b"\x02\x01\x03\0", b"\x03\x01\x03\0", b"\x06\x01\x03\0", b"\x11\x01\x04\0",
        b"\x1c\x01\x03\0", b"B\x01\x04\0", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff",
        b"\xff\xff\xff\x7f", b"ftypavif", b"meta", b"pitm", b"iloc", b"infe", b"av01", b"grid",
        b"ispe", b"ipma", b"irot", b"imir", b"dimg", b"auxl", b"idat", b"mdat", b"\x12\0\n",
    ),
    "manifests": (
        b"url", b"s3_uri", b"source-ref", b"recordId", b"label", b"b64", b'"id":',
        b"\xef\xbb\xbf", b"s3://", b"http://", b"\r\n", b"\n#", b'","', b"\\ud800", b"1e999",
        b"NaN", b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    ),
    "messages": (
        b'"type":"chunk"', b'"type":"fan_out"', b'"type":"upload"', b'"batch_id":"b"',
        b'"round":0', b'"chunk":1', b'"bucket":"images"', b'"key":"a.png"', b'"key":"m.txt"',
        b'"Records":', b'"s3":', b'"object":', b'"sequencer":', b'"eventTime":', b"s3://images/",
        b"../", b"%2f", b"\\ud800", b"\\u0000", b"1e999", b"-1",
    ),
    "bodies": (
        b'"instances":', b'"url":', b'"s3_uri":', b'"b64":', b'"id":', b'"model":',
        b'"max_labels":', b'"min_confidence":', b'"manifest":', b'"prefix":', b'"filename":',
        b'"batch":', b'"arms":', b'"inference_id":', b'"correct":', b'"champion":',
        b'"challenger":', b'"name":', b'"shape":', b'"inputs":', b'"outputs":', b'"datatype":',
        b'"data":', b'"parameters":', b'"UINT8"', b'"BYTES"', b'"binary_data_size":',
        b'"classification":', b"data:;base64,", b"s3://images/", b"\r\n--x\r\n", b"--x--",
        b"Content-Disposition: form-data; name=", b"\\ud800", b"1e999", b"NaN", b"null", b"-0",
        b"../", b"%00",
    ),
}  # fmt: skip


def seeds(target: str) -> Iterator[bytes]:
    """The corpus to begin with."""
    if target == "images":
        from tests.torture.hostileimages import GROUPS, SEEDS  # takes a second to make

        yield from (data for data in SEEDS.values() if len(data) <= MAX_SEED)
        for group in ("kinds of JPEG", "layouts", "kinds of TIFF", "kinds of AVIF"):
            for kind in GROUPS[group]():
                yield from (data for data in kind.files if len(data) <= MAX_SEED)
    else:
        yield from {"manifests": _manifests, "messages": _messages, "bodies": _bodies}[target]()


def _manifests() -> Iterator[bytes]:
    yield b"\0\7\xef\xbb\xbfhttp://h/1\r\n# a\n\ns3://b/k\n"
    yield b'\1\x40url,id,label\nhttp://h/1,a,"tabby, cat"\n"s3://b/k",,\n'
    yield b'\2\xff{"id": 1, "url": "http://h/"}\n{"source-ref": "s3://b/k", "recordId": "r"}\n'
    yield b'\2\xff{"id": "x", "b64": "QUJD", "label": "\\u00e9"}\n'


def _messages() -> Iterator[bytes]:
    for message in (
        {"type": "chunk", "batch_id": "b", "round": 0, "chunk": 1},
        {"type": "fan_out", "batch_id": "b", "round": 0},
        {"type": "upload", "bucket": "images", "key": "a.png"},
        _event("a.png"),
        _event("m.txt"),
        _event("folder/caf%C3%A9+1.png"),
    ):
        yield msgspec.json.encode(message)
    yield b" https://h/a.jpg\n"
    yield b"s3://images/a.png"


def _event(key: str) -> dict[str, object]:
    s3 = {"bucket": {"name": "images"}, "object": {"key": key, "sequencer": "0055AED6"}}
    return {"Records": [{"eventTime": "2026-11-23T01:02:03.456Z", "s3": s3}]}


def _bodies() -> Iterator[bytes]:
    small = base64.b64encode(png((1, 1), 8, 2, b"\0\xff\0\0")).decode()
    part = b"--x\r\nContent-Disposition: form-data; name="
    tensor = {"name": "image", "shape": [1, 6, 8, 3], "datatype": "UINT8", "data": [0] * 144}
    encoded = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [small]}
    outputs = [{"name": "scores", "parameters": {"classification": 2}}, {"name": "label"}]
    for route, body in (
        (0, {"url": "http://h/", "max_labels": 2, "min_confidence": 0.5, "id": "x"}),
        (0, {"instances": [{"b64": small}, {"s3_uri": "s3://images/a.png", "id": "é"}]}),
        (0, {"url": f"data:image/png;base64,{small}"}),
        (4, {"instances": [{"id": "a", "url": "http://h/"}], "model": "colour"}),
        (4, {"manifest": "s3://images/m.txt"}),
        (4, {"prefix": "s3://images/photos/"}),
        (5, {"filename": "a.png", "batch": "x-1"}),
        (6, {"inference_id": "AAAA", "label": "red"}),
        (7, {"arms": {"colour": 1.0}}),
        (8, {"instances": [{"url": "http://h/", "label": "red"}], "challenger": "other"}),
        (8, {"manifest": "s3://images/m.csv", "promote": True, "max_error_rate": 0.5}),
    ):
        yield bytes([route]) + msgspec.json.encode(body)
    image = part + b'"image"; filename="a.png"\r\n\r\nBM\r\n'
    yield b"\1" + part + b'"max_labels"\r\n\r\n3\r\n' + image + b"--x--\r\n"
    yield b"\2" + b"multipart/form-data; boundary=x".ljust(60) + image + b"--x--\r\n"
    yield b"\2" + b"image/png".ljust(60) + b"BM"
    yield b"\3url=http%3A%2F%2Fh%2F&max_labels=3&min_confidence=0.1&id=%C3%A9"
    yield b"\x09    " + msgspec.json.encode({"inputs": [tensor], "id": "1", "outputs": outputs})
    yield b"\x09    " + msgspec.json.encode({"inputs": [encoded]})
    binary = {"name": "image", "shape": [1], "datatype": "BYTES"}
    head = msgspec.json.encode({"inputs": [binary | {"parameters": {"binary_data_size": 6}}]})
    yield b"\x09" + str(len(head)).encode().ljust(4) + head + b"\2\0\0\0BM"
