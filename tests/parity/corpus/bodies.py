"""Exchanges with different bodies. Each kind of body is used once in a request and once in a response."""

from __future__ import annotations

import gzip
import json
import zlib
from itertools import starmap
from typing import Any

from tests.parity.exchange import Answer, Exchange

JSON = "application/json"
DOCUMENT = b'{"items": [1, 2.5, null, true, "text"], "nested": {"a": {}}}'


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _raw_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush()


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


MULTIPART = (
    b'--frontier\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--frontier\r\nContent-Disposition: form-data; name="f"; filename="f.bin"\r\n\r\n\x00\xff\r\n--frontier--\r\n'
)

#: Name, content type, content encoding or ``None``, content.
KINDS: list[tuple[str, str, str | None, bytes]] = [
    ("json-object", JSON, None, DOCUMENT),
    ("json-array", JSON, None, b'[{"id": 1}, {"id": 2}]'),
    ("json-empty-object", JSON, None, b"{}"),
    ("json-empty-array", JSON, None, b"[]"),
    ("json-text", JSON, None, '{"é": "☃ \U0001f600", "ascii": "\\u00e9"}'.encode()),
    ("json-surrogate", JSON, None, b'{"a": "\\ud800"}'),
    ("json-nulls", JSON, None, b'{"a": null, "b": [null], "c": {"d": null}}'),
    ("json-same-key-twice", JSON, None, b'{"a": 1, "a": 2}'),
    ("json-large-integer", JSON, None, b'{"n": 123456789012345678901234567890}'),
    ("json-small-fraction", JSON, None, b'{"n": 0.1, "m": 1e-7, "l": -0.0}'),
    ("json-number-beyond-a-double", JSON, None, b'{"n": 1e400}'),
    ("json-nested", JSON, None, _nested(90)),
    ("json-nested-deeper", JSON, None, _nested(300)),
    ("json-nested-without-end", JSON, None, _nested(100_000)),
    ("json-of-another-type", "text/plain", None, DOCUMENT),
    ("json-without-a-type", "", None, DOCUMENT),
    ("json-of-a-vendor", "application/vnd.api+json", None, b'{"data": []}'),
    ("json-graphql", JSON, None, b'{"query": "query { me { id } }", "operationName": null}'),
    ("json-problem", "application/problem+json", None, b'{"title": "no", "status": 400}'),
    ("json-100-kilobytes", JSON, None, json.dumps(["x" * 100] * 1000).encode()),
    ("json-after-white-space", JSON, None, b" \r\n\t" + DOCUMENT),
    ("json-before-white-space", JSON, None, DOCUMENT + b"\r\n \t"),
    ("json-after-a-byte-order-mark", JSON, None, b"\xef\xbb\xbf" + DOCUMENT),
    ("json-in-utf-16", JSON, None, DOCUMENT.decode().encode("utf-16")),
    ("json-in-latin-1", JSON, None, b'{"a": "caf\xe9"}'),
    ("scalar-number", JSON, None, b"17"),
    ("scalar-text", JSON, None, b'"text"'),
    ("scalar-true", JSON, None, b"true"),
    ("scalar-null", JSON, None, b"null"),
    ("not-json-cut-off", JSON, None, b'{"a": 1'),
    ("not-json-comma", JSON, None, b"[1,]"),
    ("not-json-quotes", JSON, None, b"{'a': 1}"),
    ("not-json-two-documents", JSON, None, b"{} {}"),
    ("not-json-lines", "application/x-ndjson", None, b'{"a": 1}\n{"a": 2}\n'),
    ("not-json-nan", JSON, None, b'{"a": NaN, "b": Infinity}'),
    ("not-json-control-character", JSON, None, b'{"a": "\x01"}'),
    ("not-json-template", "text/html", None, b"{{ name }}"),
    ("text", "text/plain; charset=utf-8", None, "caf\xe9 ☃".encode()),
    ("text-white-space", "text/plain", None, b" \n"),
    ("html", "text/html", None, b"<!DOCTYPE html><html><body>hello</body></html>"),
    ("xml", "application/xml", None, b'<?xml version="1.0"?><a b="c"/>'),
    ("csv", "text/csv", None, b"a,b\r\n1,2\r\n"),
    ("form", "application/x-www-form-urlencoded", None, b"a=1&b=2%20&a=3"),
    ("multipart", "multipart/form-data; boundary=frontier", None, MULTIPART),
    ("binary", "application/octet-stream", None, bytes(range(256))),
    ("image", "image/png", None, b"\x89PNG\r\n\x1a\n" + bytes(20)),
    ("protobuf", "application/x-protobuf", None, b"\x08\x96\x01"),
    ("gzip-json", JSON, "gzip", _gzip(DOCUMENT)),
    ("gzip-json-upper-case", JSON, "GZIP", _gzip(DOCUMENT)),
    ("gzip-json-old-name", JSON, "x-gzip", _gzip(DOCUMENT)),
    ("gzip-json-in-two-members", JSON, "gzip", _gzip(b'{"a":') + _gzip(b" 1}")),
    ("gzip-text", "text/plain", "gzip", _gzip(b"text " * 10)),
    ("gzip-binary", "application/octet-stream", "gzip", _gzip(bytes(range(256)))),
    ("gzip-of-nothing", JSON, "gzip", _gzip(b"")),
    ("gzip-broken", JSON, "gzip", _gzip(DOCUMENT)[:-9]),
    ("gzip-with-a-tail", JSON, "gzip", _gzip(DOCUMENT) + b"tail"),
    ("gzip-that-is-json", JSON, "gzip", DOCUMENT),
    ("gzip-that-is-text", "text/plain", "gzip", b"text"),
    ("gzip-without-a-word", "application/gzip", None, _gzip(DOCUMENT)),
    ("deflate-json", JSON, "deflate", zlib.compress(DOCUMENT)),
    ("deflate-json-raw", JSON, "deflate", _raw_deflate(DOCUMENT)),
    ("deflate-text", "text/plain", "deflate", zlib.compress(b"text")),
    ("deflate-broken", JSON, "deflate", b"\x78\x9cno"),
    ("encoding-identity", JSON, "identity", DOCUMENT),
    ("encoding-brotli", JSON, "br", b"\x0b\x02\x80[1, 2]\x03"),
    ("encoding-twice", JSON, "gzip, gzip", _gzip(_gzip(DOCUMENT))),
]


def _request(name: str, content_type: str, encoding: str | None, content: bytes) -> Exchange:
    variables: dict[str, Any] = {"CONTENT_TYPE": content_type} if content_type else {}
    if encoding:
        variables["HTTP_CONTENT_ENCODING"] = encoding
    return Exchange(f"sent-{name}", "POST", content, variables=variables)


def _response(name: str, content_type: str, encoding: str | None, content: bytes) -> Exchange:
    headers = [("Content-Type", content_type)] if content_type else []
    if encoding:
        headers.append(("Content-Encoding", encoding))
    return Exchange(f"answered-{name}", answer=Answer((content,), tuple(headers)))


def _with_length(name: str, body: bytes, length: str | None, **variables: Any) -> Exchange:
    return Exchange(f"length-{name}", "POST", body, variables={"CONTENT_LENGTH": length, **variables})


LARGE = json.dumps(["x" * 1000] * 600).encode()

LENGTHS = [
    _with_length("right", DOCUMENT, str(len(DOCUMENT))),
    _with_length("zero", b"", "0"),
    _with_length("zero-with-a-body", DOCUMENT, "0"),
    _with_length("empty", b"", ""),
    _with_length("missing", b"", None),
    _with_length("missing-with-a-body", DOCUMENT, None),
    _with_length("minus-one", DOCUMENT, "-1"),
    _with_length("minus-five", DOCUMENT, "-5"),
    _with_length("no-number", DOCUMENT, "many"),
    _with_length("fraction", DOCUMENT, "5.0"),
    _with_length("hexadecimal", DOCUMENT, "0x10"),
    _with_length("in-white-space", DOCUMENT, f" {len(DOCUMENT)} "),
    _with_length("with-a-plus", DOCUMENT, f"+{len(DOCUMENT)}"),
    _with_length("too-long", DOCUMENT, str(len(DOCUMENT) + 10)),
    _with_length("too-short", DOCUMENT, str(len(DOCUMENT) - 10)),
    _with_length("astronomic", DOCUMENT, "9" * 15),
    _with_length("chunked", DOCUMENT, None, HTTP_TRANSFER_ENCODING="chunked", wsgi_input_terminated=True),
    _with_length("terminated", DOCUMENT, None, wsgi_input_terminated=True),
]

READING = [
    Exchange("reads-its-length", "POST", DOCUMENT, reads="length"),
    Exchange("reads-lines", "POST", b'[1,\n2,\n"three"]', reads="lines"),
    Exchange("reads-pieces", "PUT", DOCUMENT, reads="pieces"),
    Exchange("reads-half", "POST", DOCUMENT, reads="half"),
    Exchange("reads-nothing", "POST", DOCUMENT, reads="none"),
    Exchange("reads-nothing-and-refuses", "POST", DOCUMENT, reads="none", answer=Answer(status="401 Unauthorized")),
    Exchange("reads-a-large-body", "POST", LARGE),
    Exchange("answers-a-large-body", answer=Answer((LARGE,))),
    Exchange("answers-nothing", answer=Answer((), ())),
    Exchange("answers-empty-chunks", answer=Answer((b"", b""))),
    Exchange("answers-in-pieces", answer=Answer((b"{", b"", b'"a"', b": 1", b"}"))),
    Exchange("answers-a-character-in-pieces", answer=Answer((b'{"a": "\xc3', b'\xa9"}'))),
]

EXCHANGES = [*starmap(_request, KINDS), *starmap(_response, KINDS), *LENGTHS, *READING]
