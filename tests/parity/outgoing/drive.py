"""Makes calls with the installed ``moesifpythonrequest``: ``drive COLLECTOR APPLICATION_ID API``.

It imports nothing of this tree, so that it runs with either package installed.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import requests

from moesifpythonrequest.start_capture.start_capture import StartCapture

if TYPE_CHECKING:
    from collections.abc import Callable


def _prepared(uri: str) -> Any:
    return requests.Session().send(requests.Request("GET", uri).prepare())


def _failing(uri: str) -> None:
    with contextlib.suppress(requests.ConnectionError):
        requests.get(uri.replace(uri.split("/")[2], "127.0.0.1:1"), timeout=20)


#: The calls by name: a path of the API, and a function that calls it.
CALLS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "get": ("items", requests.get),
    "query": ("items", lambda uri: requests.get(uri, params={"a": "1", "b": ["x y", "z"]}, timeout=20)),
    "head": ("items", requests.head),
    "options": ("items", requests.options),
    "delete": ("items", requests.delete),
    "session": ("items", lambda uri: requests.Session().get(uri)),
    "headers": ("items", lambda uri: requests.get(uri, headers={"X-MiXed": "1", "User-Agent": "mine"}, timeout=20)),
    "missing": ("missing", requests.get),
    "gzipped": ("gzipped", requests.get),
    "chunked": ("chunked", requests.get),
    "no content": ("large", lambda uri: requests.get(f"{uri}?0", timeout=20)),
    "binary": ("large", lambda uri: requests.get(f"{uri}?100", timeout=20)),
    "cookies": ("cookies", requests.get),
    "json": ("echo", lambda uri: requests.post(uri, json={"name": "spanner", "price": 1.5}, timeout=20)),
    "put json": ("echo", lambda uri: requests.put(uri, json=[1, {"a": None}], timeout=20)),
    "patch bytes": ("echo", lambda uri: requests.patch(uri, data=b"\xff\xfe", timeout=20)),
    "json text": ("echo", lambda uri: requests.post(uri, data='{"a": 1}', timeout=20)),
    "json scalar": ("echo", lambda uri: requests.post(uri, data=b"17", timeout=20)),
    "form": ("echo", lambda uri: requests.post(uri, data={"a": "1"}, timeout=20)),
    "text": ("echo", lambda uri: requests.post(uri, data="not json", timeout=20)),
    "generator": ("echo", lambda uri: requests.post(uri, data=(part for part in (b"[1,", b"2]")), timeout=20)),
    "masked json": ("echo", lambda uri: requests.post(uri, json={"password": "1", "a": {"password": 2}}, timeout=20)),
    "masked bytes": ("echo", lambda uri: requests.post(uri, data=b"password=1", timeout=20)),
    "redirect": ("redirect", lambda uri: requests.get(f"{uri}?/items/redirect-target", timeout=20)),
    "stream": ("items", lambda uri: requests.get(uri, stream=True, timeout=20).content),
    "prepared": ("items", _prepared),
    "failing": ("items", _failing),
    "skipped": ("items", requests.get),
    "of an SDK": ("items", lambda uri: requests.get(uri, headers={"X-Moesif-SDK": "1"}, timeout=20)),
    "identified": ("items", lambda uri: requests.get(uri, headers={"X-Identified": "1"}, timeout=20)),
    "number as id": ("items", lambda uri: requests.get(uri, headers={"X-Number": "1"}, timeout=20)),
    "function fails": ("items", lambda uri: requests.get(uri, headers={"X-Fails": "1"}, timeout=20)),
}


def _when(header: str, result: object) -> Callable[[Any, Any], Any]:
    def function(request: Any, response: Any) -> Any:
        assert response is None or response.status_code
        if "X-Fails" in request.headers:
            raise LookupError
        return result if header in request.headers else None

    return function


def _identify(request: Any, _response: Any) -> Any:
    return 12345 if "X-Number" in request.headers else _when("X-Identified", "ann")(request, None)


def main(collector: str, application_id: str, api: str) -> None:
    settings = {
        "APPLICATION_ID": application_id,
        # Upstream reads no other option for the address of the collector.
        "LOCAL_DEBUG": True,
        "LOCAL_MOESIF_BASEURL": collector,
        "API_VERSION": "1.2",
        "SKIP_OUTGOING": lambda request, _response: "skipped" in request.url,
        "IDENTIFY_USER_OUTGOING": _identify,
        "IDENTIFY_COMPANY_OUTGOING": _when("X-Identified", "acme"),
        "GET_METADATA_OUTGOING": _when("X-Identified", {"datacenter": "westus"}),
        "GET_SESSION_TOKEN_OUTGOING": _when("X-Identified", "token"),
    }
    StartCapture().start_capture_outgoing(settings)
    for name, (part, call) in CALLS.items():
        if name.startswith("masked"):
            StartCapture().start_capture_outgoing({**settings, "REQUEST_BODY_MASKS": ["password"]})
        call(f"{api}/{part}/{name.replace(' ', '-')}")
        StartCapture().start_capture_outgoing(settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
