"""Exchanges with different methods, URLs and request headers."""

from __future__ import annotations

import uuid
from typing import Any

from tests.parity.exchange import Exchange

METHODS = ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "get", "X-CUSTOM"]


def _url(name: str, path: str = "", **variables: Any) -> Exchange:
    return Exchange(f"url-{name}", path=path, variables=variables)


URLS = [
    _url("plain"),
    _url("query", QUERY_STRING="a=1&b=2"),
    _url("query-empty", QUERY_STRING=""),
    _url("query-missing", QUERY_STRING=None),
    _url("query-encoded", QUERY_STRING="q=caf%C3%A9%20%26&r=a+b"),
    _url("query-odd", QUERY_STRING="a;b=1&&=&c==d&?/:@"),
    _url("query-with-a-quote", QUERY_STRING='q="x"&r=<y>'),
    _url("query-with-raw-bytes", QUERY_STRING="q=caf\xc3\xa9"),
    _url("query-with-a-percent", QUERY_STRING="q=50%&r=%zz"),
    _url("query-with-a-token", QUERY_STRING="token=s3cr3t&page=2"),
    _url("deep", "/a/b/c"),
    _url("slash-at-the-end", "/"),
    _url("double-slashes", "//a///b"),
    _url("dots", "/a/../b/./c"),
    _url("sub-delimiters", "/a;b=1,c!d$e&f'g(h)*i+j=k:l@m~n"),
    _url("space", "/a b"),
    _url("utf-8", "/caf\xc3\xa9"),
    _url("no-utf-8", "/caf\xe9\xff"),
    _url("percent", "/50%"),
    _url("percent-decoded", "/a%2Fb"),
    _url("question-mark-in-path", "/what?"),
    _url("fragment-in-path", "/a#b"),
    _url("brackets", "/a[0]{1}|\\^`"),
    _url("control-characters", "/a\x01\tb"),
    _url("https", **{"wsgi.url_scheme": "https"}),
    _url("host-with-port", HTTP_HOST="api.example.com:8443"),
    _url("host-with-usual-port", HTTP_HOST="api.example.com:80"),
    _url("host-of-ipv4", HTTP_HOST="192.0.2.80:8000"),
    _url("host-of-ipv6", HTTP_HOST="[2001:db8::1]:8000"),
    _url("host-in-upper-case", HTTP_HOST="API.Example.COM"),
    _url("host-odd", HTTP_HOST="a b<c>"),
    _url("host-missing", HTTP_HOST=None),
    _url("host-missing-odd-port", HTTP_HOST=None, SERVER_PORT="8080"),
    _url("host-missing-https", HTTP_HOST=None, SERVER_PORT="443", **{"wsgi.url_scheme": "https"}),
    _url("host-empty", HTTP_HOST=""),
    _url("mounted", SCRIPT_NAME="/app"),
    _url("mounted-deep", SCRIPT_NAME="/app/v 1"),
    _url("mounted-with-query", SCRIPT_NAME="/app", QUERY_STRING="a=1"),
    Exchange("url-mount-point", variables={"SCRIPT_NAME": "/exchange/url-mount-point/", "PATH_INFO": ""}),
    Exchange("url-path-missing", variables={"SCRIPT_NAME": "/exchange/url-path-missing/", "PATH_INFO": None}),
    _url("http-1.0", SERVER_PROTOCOL="HTTP/1.0", HTTP_HOST=None),
]


def _headers(name: str, **variables: Any) -> Exchange:
    return Exchange(f"header-{name}", variables={f"HTTP_{key}": value for key, value in variables.items()})


HEADERS = [
    _headers(
        "usual",
        USER_AGENT="python-requests/2.32.3",
        ACCEPT="*/*",
        ACCEPT_ENCODING="gzip, deflate",
        ACCEPT_LANGUAGE="en,de;q=0.5",
        CONNECTION="keep-alive",
        COOKIE="a=1; b=2",
        REFERER="http://example.com/?q=1",
        ORIGIN="null",
        IF_NONE_MATCH='"etag"',
    ),
    _headers("digits", X_API_V2KEY="1", DNT="1", X_2FA="yes", ETAG="2", SEC_CH_UA="?0"),
    _headers("one-letter", A="1", X="2", X_Y_Z="3"),
    _headers("double-underscore", X__Y="1", _X="2", X_="3"),
    _headers("empty-value", X_EMPTY=""),
    _headers("space-in-value", X_SPACE="  a  b  "),
    _headers("latin-1", X_NAME="caf\xe9"),
    _headers("utf-8", X_NAME="caf\xc3\xa9"),
    _headers("comma", X_LIST="a, b,c"),
    _headers("long", X_LONG="x" * 10_000),
    _headers("content-type-of-http", CONTENT_TYPE="text/plain"),
    _headers("cgi-authorization", CGI_AUTHORIZATION="Basic YW5uOnNlY3JldA=="),
    _headers("two-authorizations", AUTHORIZATION="Basic YW5uOng=", CGI_AUTHORIZATION="Basic Ym9iOng="),
    _headers("body-truncated", X_MOESIF_BODY_TRUNCATED="0"),
    _headers("sdk", X_MOESIF_SDK="moesif-browser/1.0"),
    Exchange("header-content-type", variables={"CONTENT_TYPE": "text/plain"}),
    Exchange("header-content-type-empty", variables={"CONTENT_TYPE": ""}),
    Exchange("header-content-type-post-empty", "POST", b"", variables={"CONTENT_TYPE": "", "CONTENT_LENGTH": ""}),
    Exchange("header-content-type-both", variables={"CONTENT_TYPE": "a/b", "HTTP_CONTENT_TYPE": "c/d"}),
    Exchange("header-not-of-http", variables={"X_NOT_HTTP": "1", "AUTH_TYPE": "Basic", "REMOTE_USER": "ann"}),
    _headers("many", **{f"X_N{number}": str(number) for number in range(100)}),
]

TRANSACTION_IDS = [
    _headers("transaction-id", X_MOESIF_TRANSACTION_ID="mine-1.2_3"),
    _headers("transaction-id-uuid", X_MOESIF_TRANSACTION_ID=str(uuid.UUID(int=7, version=4))),
    _headers("transaction-id-empty", X_MOESIF_TRANSACTION_ID=""),
    _headers("transaction-id-odd", X_MOESIF_TRANSACTION_ID="a b;c"),
    _headers("transaction-id-long", X_MOESIF_TRANSACTION_ID="x" * 65),
]

EXCHANGES = [
    *(Exchange(f"method-{method}", method) for method in METHODS),
    Exchange("method-GET-with-a-body", "GET", b'{"a": 1}'),
    Exchange("method-DELETE-with-a-body", "DELETE", b'{"a": 1}'),
    *URLS,
    *HEADERS,
    *TRANSACTION_IDS,
]
