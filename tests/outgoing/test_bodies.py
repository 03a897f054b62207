"""Every kind of request body arrives unchanged and is recorded (I-10, I-30)."""

from __future__ import annotations

import array
import base64
import contextlib
import copy
import gc
import io
import json
import pickle
import threading
import tracemalloc
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

import moesif.outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.outgoing.api import Api
    from tests.outgoing.conftest import Capture
    from tests.recorder import Recorder

DOCUMENT = b'{"name": "spanner", "price": 12}'


def _opened(tmp_path: Path) -> Any:
    path = tmp_path / "document"
    path.write_bytes(DOCUMENT)
    return path.open("rb")


def _generated(_tmp_path: Path) -> Iterator[bytes]:
    for start in range(0, len(DOCUMENT), 7):
        yield DOCUMENT[start : start + 7]


def _half_read(_tmp_path: Path) -> Any:
    file = io.BytesIO(b"head" + DOCUMENT)
    file.seek(4)
    return file


class _Encoder:
    """A readable object with a ``len`` attribute, as requests-toolbelt makes it."""

    def __init__(self, _tmp_path: Path) -> None:
        self._rest = DOCUMENT
        self.len = len(DOCUMENT)

    def read(self, size: int = -1) -> bytes:
        size = len(self._rest) if size < 0 else size
        chunk, self._rest = self._rest[:size], self._rest[size:]
        return chunk


class _Sized:
    """An iterable with a length in bytes."""

    def __init__(self, _tmp_path: Path) -> None:
        self._chunks = [DOCUMENT[:5], DOCUMENT[5:]]

    def __len__(self) -> int:
        return len(DOCUMENT)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


class _Sequence:
    """A sequence without ``__iter__``, iterated by index."""

    def __init__(self, _tmp_path: Path) -> None:
        self._chunks = [DOCUMENT[:5], DOCUMENT[5:]]

    def __len__(self) -> int:
        return len(DOCUMENT)

    def __getitem__(self, index: int) -> bytes:
        return self._chunks[index]


BODIES: dict[str, Callable[[Path], Any]] = {
    "bytes": lambda _: DOCUMENT,
    "text": lambda _: DOCUMENT.decode(),
    "file": _opened,
    "BytesIO": lambda _: io.BytesIO(DOCUMENT),
    "half read": _half_read,
    "text file": lambda _: io.StringIO(DOCUMENT.decode()),
    "generator": _generated,
    "iterator": lambda _: iter([DOCUMENT[:5], DOCUMENT[5:]]),
    "sized iterable": _Sized,
    "sequence": _Sequence,
    "encoder": _Encoder,
    "bytearray": lambda _: bytearray(DOCUMENT),
    "array": lambda _: array.array("b", DOCUMENT),
}


@contextlib.contextmanager
def _made(kind: str, tmp_path: Path) -> Iterator[Any]:
    body = BODIES[kind](tmp_path)
    yield body
    if isinstance(body, io.IOBase):
        body.close()


@pytest.mark.parametrize("kind", BODIES)
def test_body_arrives_unchanged_and_is_recorded(
    api: Api, recorder: Recorder, capture: Capture, tmp_path: Path, kind: str
) -> None:
    with _made(kind, tmp_path) as body:
        requests.post(f"{api.uri}/echo", data=body, timeout=20)
    capture()
    with _made(kind, tmp_path) as body:
        answer = requests.post(f"{api.uri}/echo", data=body, timeout=20)
    without, captured = api.seen
    assert captured == without
    assert answer.content == DOCUMENT
    [event] = recorder.wait_for(1)
    assert event["request"]["body"] == json.loads(DOCUMENT)
    assert event["request"]["content_length"] == len(DOCUMENT)


def test_forms_and_uploads_are_recorded(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    requests.post(f"{api.uri}/echo", data={"name": "spanner", "size": "12 mm"}, timeout=20)
    requests.post(f"{api.uri}/echo", files={"picture": ("p.png", b"\x89PNG")}, data={"name": "spanner"}, timeout=20)
    form, upload = recorder.wait_for(2)
    assert base64.b64decode(form["request"]["body"]) == b"name=spanner&size=12+mm"
    assert base64.b64decode(upload["request"]["body"]) == api.seen[1][3]
    assert b"\x89PNG" in base64.b64decode(upload["request"]["body"])


@pytest.mark.parametrize("kind", ["file", "half read", "BytesIO", "text file", "bytes"])
def test_body_is_sent_again_after_a_redirect(
    api: Api, recorder: Recorder, capture: Capture, tmp_path: Path, kind: str
) -> None:
    capture()
    with _made(kind, tmp_path) as body:
        answer = requests.post(f"{api.uri}/redirect?/echo", data=body, timeout=20)
    assert answer.content == DOCUMENT
    [event] = recorder.wait_for(1)
    assert event["request"]["body"] == json.loads(DOCUMENT)


def test_body_that_cannot_be_rewound_fails_as_without_capturing(
    api: Api, recorder: Recorder, capture: Capture, tmp_path: Path
) -> None:
    capture()
    with pytest.raises(requests.exceptions.UnrewindableBodyError):
        requests.post(f"{api.uri}/redirect?/echo", data=_Pipe(tmp_path), timeout=20)
    [event] = recorder.wait_for(1)
    assert event["metadata"] == {"error": "requests.exceptions.UnrewindableBodyError"}


class _Pipe:
    """An iterable with a ``tell`` that raises."""

    def __init__(self, tmp_path: Path) -> None:
        self._chunks = _generated(tmp_path)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def tell(self) -> int:
        raise OSError


def test_request_gets_its_body_back(api: Api, capture: Capture) -> None:
    """The original is put back in every request object, after an answer, a redirect or an error."""
    capture()
    body = io.BytesIO(DOCUMENT)
    session = requests.Session()
    for path in ("echo", "redirect?/redirect?/echo"):
        body.seek(0)
        request = requests.Request("POST", f"{api.uri}/{path}", data=body).prepare()
        answer = session.send(request)
        held = [request, answer.request, *(earlier.request for earlier in answer.history)]
        assert [one.body for one in held] == [body] * len(held)
        assert len(answer.history) == path.count("redirect")
    body.seek(0)
    request = requests.Request("POST", f"{api.uri}/redirect?/echo", data=body).prepare()
    answer = session.send(request, allow_redirects=False)
    assert answer.next is not None
    assert answer.next.body is body
    with pytest.raises(requests.ConnectionError) as raised:
        requests.post("http://127.0.0.1:1/", data=body, timeout=20)
    assert isinstance(raised.value.request, requests.PreparedRequest)
    assert raised.value.request.body is body


def test_request_gets_its_body_back_after_too_many_redirects(api: Api, capture: Capture) -> None:
    capture()
    body = io.BytesIO(DOCUMENT)
    session = requests.Session()
    session.max_redirects = 3
    with pytest.raises(requests.TooManyRedirects) as raised:
        session.post(f"{api.uri}{'/redirect?' * 5}/echo", data=body, timeout=20)
    answer = raised.value.response
    assert answer is not None
    held = [answer.request, *(earlier.request for earlier in answer.history)]
    assert len(held) == 4
    assert [one.body is body for one in held] == [True] * len(held)


def test_request_sent_by_two_threads_gets_its_body_back(api: Api, recorder: Recorder, capture: Capture) -> None:
    """The order in which the threads end does not matter."""
    capture()
    inside, may_end = threading.Event(), threading.Event()

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, *arguments: Any, **keywords: Any) -> Any:
            answer = super().send(*arguments, **keywords)
            inside.set()
            may_end.wait(20)
            return answer

    body = _Sized(Path())
    request = requests.Request("POST", f"{api.uri}/echo", data=body).prepare()
    slow = requests.Session()
    slow.mount("http://", Adapter())
    thread = threading.Thread(target=slow.send, args=(request,))
    thread.start()
    assert inside.wait(20)
    assert requests.Session().send(request).content == DOCUMENT
    may_end.set()
    thread.join()
    assert request.body is body
    assert [event["request"]["body"] for event in recorder.wait_for(2)] == [json.loads(DOCUMENT)] * 2


def test_copy_made_while_sending_has_the_original_body(api: Api, capture: Capture) -> None:
    capture()
    copies: list[Any] = []

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *arguments: Any, **keywords: Any) -> Any:
            copies.extend([pickle.loads(pickle.dumps(request.body)), copy.deepcopy(request.body)])
            return super().send(request, *arguments, **keywords)

    session = requests.Session()
    session.mount("http://", Adapter())
    session.post(f"{api.uri}/echo", data=io.BytesIO(DOCUMENT), timeout=20)
    assert [(type(one), one.read()) for one in copies] == [(io.BytesIO, DOCUMENT)] * 2


def test_a_large_buffer_is_not_copied(recorder: Recorder, capture: Capture) -> None:
    capture()
    size = 50_000_000

    class Adapter(requests.adapters.BaseAdapter):
        def send(self, *_arguments: Any, **_keywords: Any) -> Any:
            answer = requests.Response()
            answer._content = b""  # noqa: SLF001 - as adapters do it
            return answer

    session = requests.Session()
    session.mount("http://", Adapter())
    request = requests.Request("POST", "http://api.example.com/").prepare()
    request.body = bytearray(size)  # type: ignore[assignment] # as requests takes it
    tracemalloc.start()
    try:
        session.send(request)
        assert tracemalloc.get_traced_memory()[1] < size / 10
    finally:
        tracemalloc.stop()
    [event] = recorder.wait_for(1)
    assert event["request"]["content_length"] == size
    assert event["request"]["headers"]["X-Moesif-Body-Truncated"] == "1"


def test_callback_gets_the_request_with_its_original_body(api: Api, recorder: Recorder, capture: Capture) -> None:
    seen = []
    capture(SKIP_OUTGOING=lambda request, _response: seen.append(request.body))
    body = io.BytesIO(DOCUMENT)
    requests.post(f"{api.uri}/echo", data=body, timeout=20)
    recorder.wait_for(1)
    assert [one is body for one in seen] == [True]


def test_class_of_a_body_is_freed_with_the_body(api: Api, recorder: Recorder, capture: Capture) -> None:
    def upload() -> weakref.ref[type]:
        class Chunks:
            def __iter__(self) -> Iterator[bytes]:
                yield DOCUMENT

        requests.post(f"{api.uri}/echo", data=Chunks(), timeout=20)
        return weakref.ref(Chunks)

    capture()
    classes = [upload() for _ in range(3)]
    recorder.wait_for(3)
    gc.collect()
    assert [one() for one in classes] == [None] * 3


def test_large_body_is_recorded_as_prefix_and_size(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture(REQUEST_MAX_BODY_SIZE=40)
    for body in (bytes(100_000), io.BytesIO(bytes(100_000)), (bytes(50_000) for _ in range(2))):
        requests.post(f"{api.uri}/items", data=body, timeout=20)
    for event in recorder.wait_for(3):
        assert len(event["request"]["body"]) == 40
        assert event["request"]["content_length"] == 100_000
        assert event["request"]["headers"]["X-Moesif-Body-Truncated"] == "1"
    assert [len(body) for *_, body in api.seen] == [100_000] * 3


def test_without_log_body_the_body_is_neither_recorded_nor_replaced(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    capture(LOG_BODY_OUTGOING=False)
    kinds = []

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *arguments: Any, **keywords: Any) -> Any:
            kinds.append(type(request.body))
            return super().send(request, *arguments, **keywords)

    session = requests.Session()
    session.mount("http://", Adapter())
    for body in (DOCUMENT, io.BytesIO(DOCUMENT)):
        for stream in (False, True):
            session.post(f"{api.uri}/echo", data=body, stream=stream, timeout=20).content  # noqa: B018
    assert kinds == [bytes, bytes, io.BytesIO, io.BytesIO]
    for event in recorder.wait_for(4):
        assert "body" not in event["request"] | event["response"]
    assert recorder.events[0]["request"]["content_length"] == len(DOCUMENT)


def test_replaced_body_has_the_attributes_of_the_original(api: Api, capture: Capture) -> None:
    capture()
    seen = []

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *arguments: Any, **keywords: Any) -> Any:
            body = request.body
            attributes = [name for name in ("read", "seek", "tell", "__len__", "__iter__") if hasattr(body, name)]
            seen.append((isinstance(body, io.TextIOBase), attributes, requests.utils.super_len(body), bool(body)))
            return super().send(request, *arguments, **keywords)

    session = requests.Session()
    session.mount("http://", Adapter())

    def send_all() -> None:
        for body in (io.StringIO("text"), io.BytesIO(DOCUMENT), _Sized(Path()), _Encoder(Path())):
            session.post(f"{api.uri}/echo", data=body, timeout=20)

    send_all()
    moesif.outgoing.stop()
    send_all()
    assert seen[:4] == seen[4:]
