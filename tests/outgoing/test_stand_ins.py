"""Stand-ins for responses, such as test doubles, are recorded as far as they can be read."""

from __future__ import annotations

import io
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import requests
from requests.adapters import BaseAdapter

import moesif.outgoing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.outgoing.conftest import Capture
    from tests.recorder import Recorder

URL = "double://api/items"


class _Slots:
    """A response without weak references, of which most attributes fail."""

    __slots__ = ("elapsed", "raw")
    status_code = 200
    history: tuple[object, ...] = ()
    is_redirect = False

    def __init__(self) -> None:
        source = SimpleNamespace(isclosed=lambda: False, read=lambda *_size: b"")
        self.raw = SimpleNamespace(_fp=source)

    def __getattr__(self, name: str) -> object:
        message = f"this stand-in has no {name}"
        raise RuntimeError(message)


def _plain(**more: object) -> Any:
    common = {"status_code": 200, "headers": {"X-Double": "yes"}, "history": [], "is_redirect": False}
    return SimpleNamespace(**common, **more)


RESPONSES: dict[str, Callable[[], Any]] = {
    "content and raw": lambda: _plain(content=b"content", raw=io.BytesIO(b"content")),
    "content": lambda: _plain(content=b"content", raw=None),
    "flag without content": lambda: _plain(raw=None, _content_consumed=True),
    "neither content nor flag": lambda: _plain(raw=None),
    "attributes that fail": _Slots,
}


class _Adapter(BaseAdapter):
    def __init__(self, response: Any) -> None:
        super().__init__()
        self.response = response

    def send(self, *_arguments: Any, **_named: Any) -> Any:
        return self.response

    def close(self) -> None:
        pass


# Without ``stream``, requests itself reads the content.
@pytest.mark.parametrize(
    ("kind", "stream"), [*((kind, True) for kind in RESPONSES), ("content and raw", False), ("content", False)]
)
def test_stand_in_from_an_adapter_is_recorded(
    recorder: Recorder, capture: Capture, caplog: pytest.LogCaptureFixture, kind: str, *, stream: bool
) -> None:
    capture()
    response = RESPONSES[kind]()
    caplog.set_level(logging.INFO)
    with requests.Session() as session:
        session.mount("double://", _Adapter(response))
        assert session.get(URL, stream=stream) is response
    _has_event(recorder, caplog)
    assert recorder.events[0]["response"]["status"] == 200


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("result", [("a", "tuple"), None, 5, "text"], ids=repr)
def test_any_result_of_a_replaced_send_is_recorded(
    recorder: Recorder,
    capture: Capture,
    caplog: pytest.LogCaptureFixture,
    result: object,
    *,
    stream: bool,
) -> None:
    caplog.set_level(logging.INFO)
    with requests.Session() as session, mock.patch.object(requests.Session, "send", return_value=result):
        capture()
        assert session.send(requests.Request("GET", URL).prepare(), stream=stream) is result
        moesif.outgoing.stop()
    _has_event(recorder, caplog)


def _has_event(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    assert recorder.wait_for(1)[0]["request"]["uri"] == URL
    assert "fault" not in caplog.text
