"""Predicates about bodies: JSON, compression, announced lengths, and what the application read."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.parity.predicates.findings import (
    content_of,
    declared_length,
    in_base64,
    is_body,
    is_failure,
    is_recorded_as,
    is_request,
    variable,
)

if TYPE_CHECKING:
    from tests.parity.compare import Finding


def _encoding(finding: Finding) -> str:
    if is_request(finding):
        return str(variable(finding.exchange, "HTTP_CONTENT_ENCODING") or "").lower()
    return dict(finding.exchange.answer.headers).get("Content-Encoding", "").lower()


def json_after_white_space(finding: Finding) -> bool:
    content = content_of(finding)
    return content.startswith((b" ", b"\xef\xbb\xbf")) and is_recorded_as(finding, content, content)


def _decompressed(content: bytes, *ways: int) -> bytes | None:
    """Return the content decompressed with the first of these ``wbits`` that works, or ``None``."""
    for way in ways:
        with suppress(zlib.error):
            decompressor = zlib.decompressobj(way)
            found = decompressor.decompress(content)
            if decompressor.eof:
                rest = _decompressed(decompressor.unused_data, way) if decompressor.unused_data else b""
                return None if rest is None else found + rest
    return None


GZIP, ZLIB, RAW = 31, 15, -15


def gzipped_json(finding: Finding) -> bool:
    if _encoding(finding) not in {"gzip", "x-gzip"}:
        return False
    # Content that is not compressed is recorded unchanged, whatever its header says.
    content = _decompressed(content_of(finding), GZIP) or content_of(finding)
    return content.startswith(b"{") and is_recorded_as(finding, content, content)


def deflated(finding: Finding) -> bool:
    content = _decompressed(content_of(finding), ZLIB, RAW) if _encoding(finding) == "deflate" else None
    return content is not None and is_recorded_as(finding, content, content_of(finding))


def compressed_twice(finding: Finding) -> bool:
    once = _decompressed(content_of(finding), GZIP) if _encoding(finding) == "gzip, gzip" else None
    content = once and _decompressed(once, GZIP)
    return bool(content) and is_recorded_as(finding, content or b"", once)


def nested_deeply(finding: Finding) -> bool:
    content = content_of(finding)
    return content.startswith(b"[" * 101) and is_body(finding) and finding.ours in {"base64", in_base64(content)}


def not_a_json_number(finding: Finding) -> bool:
    if finding.field == "metadata":
        return (finding.theirs, finding.ours) == ({"a": "<NaN>", "b": "<Infinity>"}, {"a": None, "b": None})
    content = content_of(finding)
    if b"NaN" in content:
        return is_body(finding) and finding.ours in {"base64", in_base64(content)}
    # The number is sent as it was written. Python reads it as infinity.
    is_beyond = b"1e400" in content and finding.field.endswith(".body")
    return is_beyond and (finding.theirs, finding.ours) == ({"n": "<Infinity>"}, {"n": float("inf")})


def _limit(finding: Finding) -> int:
    side = "REQUEST" if is_request(finding) else "RESPONSE"
    return int(finding.exchange.options.get(f"{side}_MAX_BODY_SIZE", 460_800))


def beyond_the_limit(finding: Finding) -> bool:
    content = content_of(finding)
    if len(content) <= _limit(finding):
        return False
    if finding.field.endswith(".headers.x-moesif-body-truncated"):
        return bool(finding.ours == "1")
    prefix = content[: _limit(finding) // 4 * 3]
    return is_body(finding) and finding.ours in {"base64", in_base64(prefix)}


def _is_not_a_number(declared: Any) -> bool:
    try:
        return bool(declared) and int(declared) is None
    except ValueError:
        return True


def length_not_a_number(finding: Finding) -> bool:
    return _is_not_a_number(declared_length(finding.exchange)) and is_failure(finding, "ValueError")


def length_zero(finding: Finding) -> bool:
    is_zero = declared_length(finding.exchange) == "0" and is_request(finding) and is_body(finding)
    return is_zero and finding.theirs in {"", "base64"} and finding.ours is None


def reads_beyond_the_length(finding: Finding) -> bool:
    body, declared = finding.exchange.body, declared_length(finding.exchange)
    if body is None or not str(declared).isdigit() or int(declared) >= len(body):
        return False
    if finding.field == "seen.read":
        return (finding.theirs, finding.ours) == (body[: int(declared)].decode(), body.decode())
    return declared != "0" and is_request(finding) and is_recorded_as(finding, body)


def shorter_than_announced(finding: Finding) -> bool:
    body, declared = finding.exchange.body, declared_length(finding.exchange)
    if body is None or not str(declared).isdigit() or int(declared) <= len(body):
        return False
    if finding.field == "request.headers.x-moesif-body-truncated":
        return bool(finding.ours == "1")
    return is_request(finding) and is_body(finding) and finding.ours in {"base64", in_base64(body)}


def without_a_length(finding: Finding) -> bool:
    body, is_terminated = finding.exchange.body, finding.exchange.variables.get("wsgi_input_terminated")
    if body is None or not is_terminated or declared_length(finding.exchange) is not None:
        return False
    return is_request(finding) and finding.theirs is None and is_recorded_as(finding, body)


def unread(finding: Finding) -> bool:
    exchange = finding.exchange
    if not is_request(finding) or "READ_REQUEST_BODY_FIRST" in exchange.options:
        return False
    if exchange.reads == "none":
        return is_body(finding) and finding.ours is None
    if exchange.reads != "half":
        return False
    half = (exchange.body or b"")[: len(exchange.body or b"") // 2]
    is_mark = finding.field == "request.headers.x-moesif-body-truncated" and finding.ours == "1"
    return is_mark or (is_body(finding) and finding.ours in {"base64", in_base64(half)})


def request_body_in_environ(finding: Finding) -> bool:
    return finding.field == "seen.notes.moesif.request_body" and finding.ours == "absent"
