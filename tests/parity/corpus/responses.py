"""Exchanges with different statuses, response headers, kinds of responses, failures, and clients that leave early."""

from __future__ import annotations

from tests.parity import applications
from tests.parity.exchange import Answer, Exchange

STATUSES = {
    "200": "200 OK",
    "200-alone": "200",
    "201": "201 Created",
    "204": "204 No Content",
    "206": "206 Partial Content",
    "299": "299 Custom Reason (with more)",
    "301": "301 Moved Permanently",
    "304": "304 Not Modified",
    "400": "400 Bad Request",
    "404": "404 Not Found",
    "418": "418 I'm a teapot",
    "429": "429 Too Many Requests",
    "451": "451 Unavailable For Legal Reasons",
    "500": "500 Internal Server Error",
    "503": "503 Service Unavailable",
    "599": "599 Beyond The List",
    "999": "999 Unheard Of",
}


def _headers(name: str, *headers: tuple[str, str]) -> Exchange:
    return Exchange(f"answer-headers-{name}", answer=Answer(headers=headers))


HEADERS = [
    _headers("none"),
    _headers("usual", ("Content-Type", "text/plain"), ("Content-Length", "2"), ("Cache-Control", "no-store")),
    _headers("lower-case", ("content-type", "text/plain"), ("x-a", "1")),
    _headers("set-cookie-twice", ("Set-Cookie", "a=1"), ("X-A", "1"), ("Set-Cookie", "b=2; Path=/")),
    _headers("vary-twice-the-same", ("Vary", "Accept"), ("Vary", "Accept")),
    _headers("twice-in-other-case", ("X-A", "1"), ("x-a", "2")),
    _headers("empty-value", ("X-Empty", "")),
    _headers("latin-1", ("X-Name", "caf\xe9")),
    _headers("utf-8", ("X-Name", "caf\xc3\xa9")),
    _headers("white-space", ("X-Space", " a ")),
    _headers("transaction-id", ("X-Moesif-Transaction-Id", "the application's")),
    _headers("transaction-id-lower-case", ("x-moesif-transaction-id", "the application's")),
    _headers("many", *((f"X-N{number}", str(number)) for number in range(60))),
]

HELLO = Answer((b"hello ", b"world"), (("Content-Type", "text/plain"), ("X-A", "1")))
DOCUMENT = Answer((b'{"a": ', b"[1, 2]", b"}"), (("Content-Type", "application/json"),))

WAYS = [
    Exchange("way-tuple", application=applications.as_tuple, answer=HELLO),
    Exchange("way-generator", application=applications.as_generator, answer=HELLO),
    Exchange("way-generator-json", application=applications.as_generator, answer=DOCUMENT),
    Exchange("way-generator-empty", application=applications.as_generator, answer=Answer(())),
    Exchange("way-generator-late", application=applications.as_late_generator, answer=HELLO),
    Exchange("way-generator-slow", application=applications.as_slow_generator, answer=HELLO),
    Exchange("way-generator-left-early", application=applications.as_generator, answer=DOCUMENT, taken=1),
    Exchange("way-generator-left-at-once", application=applications.as_generator, answer=DOCUMENT, taken=0),
    Exchange("way-events", application=applications.as_generator, answer=Answer((b"data: 1\n\n",) * 20), taken=3),
    Exchange("way-closing", application=applications.as_closing_iterable, answer=HELLO),
    Exchange("way-closing-left-early", application=applications.as_closing_iterable, answer=HELLO, taken=1),
    Exchange("way-sized", application=applications.as_sized_iterable, answer=HELLO),
    Exchange("way-sized-one", application=applications.as_sized_iterable, answer=Answer()),
    Exchange("way-file", application=applications.as_file, answer=HELLO),
    Exchange("way-file-json", application=applications.as_file, answer=DOCUMENT),
    Exchange("way-file-head", "HEAD", application=applications.as_file, answer=Answer((b"",))),
    Exchange("way-write", application=applications.by_writing, answer=HELLO),
    Exchange("way-write-json", application=applications.by_writing, answer=DOCUMENT),
    Exchange("way-write-and-return", application=applications.by_writing_and_returning, answer=HELLO),
    Exchange("way-headers-in-a-tuple", application=applications.with_headers_in_a_tuple),
    Exchange("way-one-list-for-all", application=applications.with_one_list_for_all),
    Exchange("way-answer-replaced", application=applications.answering_twice),
    Exchange("way-answer-replaced-by-keyword", application=applications.answering_twice_by_keyword),
    Exchange("way-head", "HEAD", answer=Answer((), (("Content-Length", "2"),))),
    Exchange("way-noting-request-body", "POST", b'{"a": 1}', application=applications.noting_request_body),
]

FAILURES = [
    Exchange("failure-at-once", application=applications.failing_at_once),
    Exchange("failure-after-the-head", application=applications.failing_after_its_answer),
    Exchange("failure-in-the-middle", application=applications.failing_in_the_middle, answer=HELLO),
    Exchange("failure-of-close", application=applications.as_iterable_whose_close_fails, answer=HELLO),
]

EXCHANGES = [
    *(Exchange(f"status-{name}", answer=Answer(status=status)) for name, status in STATUSES.items()),
    *HEADERS,
    *WAYS,
    *FAILURES,
]
