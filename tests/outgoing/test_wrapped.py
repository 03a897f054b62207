"""Other code may put anything callable in the place of ``send``, before and after capturing starts (I-30)."""

from __future__ import annotations

import copy
import functools
import http.client
import io
import pickle
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import requests

import moesif.outgoing
from tests.outgoing.api import DOCUMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.outgoing.api import Api
    from tests.outgoing.conftest import Capture
    from tests.recorder import Recorder

    Send = Callable[..., Any]

ORIGINAL: Send = requests.Session.send


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    moesif.outgoing.stop()
    requests.Session.send = ORIGINAL  # type: ignore[method-assign]


def _place(send: Any) -> Any:
    requests.Session.send = send  # type: ignore[method-assign]
    return send


def _placed() -> Any:
    return vars(requests.Session)["send"]


def _one_event_a_call(
    api: Api,
    recorder: Recorder,
    session: requests.Session | None = None,
    paths: tuple[str, ...] = ("items", "redirect?/items", "last"),
) -> None:
    before = len(recorder.events)
    for path in paths:
        assert (session or requests.Session()).get(f"{api.uri}/{path}", timeout=20).json() == DOCUMENT
    events = recorder.wait_for(before + len(paths))[before:]
    assert [event["request"]["uri"] for event in events] == [f"{api.uri}/{path}" for path in paths]
    assert [event["response"]["body"] for event in events] == [DOCUMENT] * len(paths)


class _Wrapt:
    """A descriptor with the attributes of what it wraps, as wrapt makes them. The agents of tests/agents use wrapt."""

    def __init__(self, wrapped: Any) -> None:
        self.__wrapped__ = wrapped

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __get__(self, instance: Any, owner: type) -> Send:
        return functools.partial(self.__wrapped__.__get__(instance, owner))

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.__wrapped__(*arguments, **keywords)


class _Callable:
    """An object that is no descriptor. Its instance is not passed on, so it sends with a session of its own."""

    def __call__(self, request: Any, **keywords: Any) -> Any:
        return ORIGINAL(requests.Session(), request, **keywords)


def _copying(wrapped: Send) -> Send:
    @functools.wraps(wrapped)
    def send(self: Any, request: Any, **keywords: Any) -> Any:
        return wrapped(self, request, **keywords)

    return send


def _hiding(wrapped: Send) -> Send:
    def send(self: Any, request: Any, **keywords: Any) -> Any:
        return wrapped(self, request, **keywords)

    return send


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "function": _copying,
    "function without __wrapped__": _hiding,
    "wrapt": _Wrapt,
    "partialmethod": lambda wrapped: functools.partialmethod(wrapped, verify=True),
    "autospec": lambda wrapped: mock.create_autospec(wrapped, side_effect=wrapped),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrapper_that_was_there_first_is_called_as_before(
    api: Api, recorder: Recorder, capture: Capture, name: str
) -> None:
    first = _place(WRAPPERS[name](ORIGINAL))
    capture()
    _one_event_a_call(api, recorder)
    moesif.outgoing.stop()
    assert _placed() is first
    requests.get(api.uri, timeout=20)
    assert len(recorder.events) == 3


@pytest.mark.parametrize("first", [_Callable(), mock.MagicMock(side_effect=_Callable())])
def test_object_that_is_no_method_gets_no_session(api: Api, recorder: Recorder, capture: Capture, first: Any) -> None:
    _place(first)
    capture()
    _one_event_a_call(api, recorder, paths=("items", "last"))
    moesif.outgoing.stop()
    assert _placed() is first


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrapper_between_two_middlewares_makes_no_second_event(
    api: Api, recorder: Recorder, capture: Capture, name: str
) -> None:
    capture()
    ours = _placed()
    between = _place(WRAPPERS[name](ours))
    capture()
    _one_event_a_call(api, recorder)
    moesif.outgoing.stop()
    assert _placed() is between
    capture()
    _place(ours)  # the other library puts back what it found
    _one_event_a_call(api, recorder)
    moesif.outgoing.stop()
    assert _placed() is ORIGINAL


def test_wrapper_between_that_changes_the_request_makes_no_second_event(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    capture()
    ours = _placed()

    def sign(self: Any, request: Any, **keywords: Any) -> Any:
        request = request.copy()
        request.url += "?signature=1"
        return ours(self, request, **keywords)

    _place(sign)
    capture()
    assert _placed() is not sign
    requests.get(f"{api.uri}/items", timeout=20)
    requests.get(f"{api.uri}/last", timeout=20)
    assert [path for _, path, _, _ in api.seen] == ["/items?signature=1", "/last?signature=1"]
    uris = [event["request"]["uri"] for event in recorder.wait_for(2)]
    assert uris == [f"{api.uri}/items", f"{api.uri}/last"]


@pytest.mark.parametrize("name", ["function", "wrapt"])
@pytest.mark.parametrize("count", [1, 2])
def test_wrappers_below_ours_can_be_removed_by_their_attribute(
    api: Api, recorder: Recorder, capture: Capture, name: str, count: int
) -> None:
    """ddtrace and OpenTelemetry put the ``__wrapped__`` of what they find into the class, even if it is ours."""
    calls = mock.Mock(side_effect=ORIGINAL)
    for number in range(count):
        _place(WRAPPERS[name](ORIGINAL if number else _hiding(calls)))
        if number:
            _place(WRAPPERS[name](_placed()))
    capture()
    for _ in range(count):
        _place(requests.Session.send.__wrapped__)  # type: ignore[attr-defined]
    _one_event_a_call(api, recorder)
    moesif.outgoing.stop()
    assert not isinstance(_placed(), _Wrapt)
    assert not hasattr(_placed(), "__wrapped__")


def test_saved_original_that_is_put_back_ends_capturing_until_the_next_start(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    with mock.patch.object(requests.Session, "send", _copying(ORIGINAL)):
        capture()
    assert _placed() is ORIGINAL
    moesif.outgoing.stop()
    assert _placed() is ORIGINAL
    capture()
    _one_event_a_call(api, recorder)


def test_patch_that_ends_after_capturing_stopped_leaves_a_function_that_records_nothing(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    capture()
    with mock.patch.object(requests.Session, "send", autospec=True, side_effect=ORIGINAL) as theirs:
        moesif.outgoing.stop()
        assert _placed() is theirs
    assert requests.get(api.uri, timeout=20).json() == DOCUMENT
    capture()
    _one_event_a_call(api, recorder)
    moesif.outgoing.stop()
    assert _placed() is ORIGINAL
    assert len(recorder.events) == 3


def test_mock_sees_the_arguments_of_the_application(recorder: Recorder, capture: Capture) -> None:
    request = requests.Request("GET", "http://api.example.com/items").prepare()
    for spec in (False, True):
        with mock.patch.object(requests.Session, "send", autospec=spec) as theirs:
            capture()
            session = requests.Session()
            assert session.send(request=request, timeout=1) is theirs.return_value
            assert session.send(request, stream=True) is theirs.return_value
            itself = (session,) if spec else ()
            assert theirs.call_args_list == [
                mock.call(*itself, request=request, timeout=1),
                mock.call(*itself, request, stream=True),
            ]
            moesif.outgoing.stop()
    assert len(recorder.wait_for(4)) == 4


def test_wrong_arguments_raise_as_without_capturing(capture: Capture) -> None:
    capture()
    with pytest.raises(TypeError, match="send"):
        requests.Session().send()  # type: ignore[call-arg]


def test_subclasses_that_replace_send_are_captured(api: Api, recorder: Recorder, capture: Capture) -> None:
    class Inheriting(requests.Session):
        def send(self, request: Any, **keywords: Any) -> Any:
            return super().send(request, **keywords)

    capture()

    class Partial(requests.Session):
        send = functools.partialmethod(requests.Session.send, verify=True)

    for kind in (Inheriting, Partial):
        _one_event_a_call(api, recorder, kind())


@pytest.mark.parametrize("spec", [False, True])
def test_methods_of_a_response_that_others_replace_are_called(
    api: Api, recorder: Recorder, capture: Capture, *, spec: bool
) -> None:
    """Also if a response of the class has been recorded before, and not any more once they are put back."""
    capture()

    def read() -> bytes:
        with requests.get(f"{api.uri}/until_closed", stream=True, timeout=20) as answer:
            return answer.raw._fp.read()  # type: ignore[no-any-return] # noqa: SLF001

    before = read()
    with mock.patch.object(http.client.HTTPResponse, "read", autospec=spec, return_value=b"theirs") as theirs:
        assert read() == b"theirs"
    assert theirs.call_count == 1
    assert read() == before
    assert theirs.call_count == 1
    assert len(recorder.wait_for(3)) == 3


class _Source:
    """Stands in for the response of http.client, as libraries for tests do."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, size: int = -1) -> bytes:
        end = len(self.content) if size < 0 else size
        chunk, self.content = self.content[:end], self.content[end:]
        return chunk

    def close(self) -> None:
        self.closed = True


class _Buffer(io.BytesIO):
    """A class of Python whose state is written in C."""


class _Raw:
    """Stands in for the response of urllib3."""

    def __init__(self, source: Any) -> None:
        self._fp = source


class _Adapter(requests.adapters.BaseAdapter):
    def __init__(self, source: Any) -> None:
        super().__init__()
        self.source = source

    def send(self, request: Any, *_arguments: Any, **_keywords: Any) -> Any:
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        response.raw = _Raw(self.source)
        return response

    def close(self) -> None:
        pass


@pytest.mark.parametrize("kind", [io.BytesIO, _Buffer, _Source])
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_stand_in_for_a_response_can_be_copied_and_pickled(capture: Capture, kind: Any, protocol: int) -> None:
    capture()
    source = kind(b"some content")
    session = requests.Session()
    session.mount("http://", _Adapter(source))
    session.get("http://api.example.com/", stream=True, timeout=20)
    assert source.read(5) == b"some "
    for made in (pickle.loads(pickle.dumps(source, protocol)), copy.copy(source), copy.deepcopy(source)):
        assert type(made) is kind
        assert not any("moesif" in name for name in vars(made))
        assert made.read() == b"content"
    assert isinstance(source, kind)
    assert source.read() == b"content"
