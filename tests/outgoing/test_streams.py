"""A streamed response stays a stream. Its event ends when the stream ends (I-1, I-7, I-30)."""

from __future__ import annotations

import base64
import gc
import http.client
import io
import json
import pickle
import shutil
import time
import weakref
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3

import moesif
import moesif.outgoing
from tests.outgoing.api import DOCUMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import RunProgram
    from tests.outgoing.api import Api
    from tests.outgoing.conftest import Capture
    from tests.recorder import Recorder

TEXT = json.dumps(DOCUMENT).encode()


def _copied(answer: Any) -> bytes:
    target = io.BytesIO()
    shutil.copyfileobj(answer.raw, target)
    return target.getvalue()


def _filled(answer: Any) -> bytes:
    buffer, filled = bytearray(20), b""
    while size := answer.raw.readinto(buffer):
        filled += buffer[:size]
    return filled


READERS: dict[str, Callable[[Any], bytes]] = {
    "iter_content": lambda answer: b"".join(answer.iter_content(3)),
    "iter_content as it comes": lambda answer: b"".join(answer.iter_content(None)),
    "iter_content in unicode": lambda answer: "".join(
        text if isinstance(text, str) else text.decode() for text in answer.iter_content(3, decode_unicode=True)
    ).encode(),
    "iter_lines": lambda answer: b"\n".join(answer.iter_lines()),
    "iteration": b"".join,
    "content": lambda answer: answer.content,
    "text": lambda answer: answer.text.encode(),
    "json": lambda answer: json.dumps(answer.json()).encode(),
    "raw.read": lambda answer: answer.raw.read(),
    "raw.read in pieces": lambda answer: b"".join(iter(lambda: answer.raw.read(7), b"")),
    "raw.stream": lambda answer: b"".join(answer.raw.stream(5)),
    "raw.data": lambda answer: answer.raw.data,
    "raw.readinto": _filled,
    "raw.readlines": lambda answer: b"".join(answer.raw.readlines()),
    "copyfileobj": _copied,
    "TextIOWrapper": lambda answer: io.TextIOWrapper(answer.raw, "latin-1").read().encode("latin-1"),
    "pickle": lambda answer: pickle.loads(pickle.dumps(answer)).content,
}


@pytest.mark.parametrize("path", ["items", "chunked", "until_closed", "gzipped"])
@pytest.mark.parametrize("way", READERS)
def test_every_way_of_reading_gets_the_same_bytes_and_is_recorded(
    api: Api, recorder: Recorder, capture: Capture, way: str, path: str
) -> None:
    with requests.get(f"{api.uri}/{path}", stream=True, timeout=20) as answer:
        without = READERS[way](answer)
    capture()
    with requests.get(f"{api.uri}/{path}", stream=True, timeout=20) as answer:
        assert READERS[way](answer) == without
    [event] = recorder.wait_for(1)
    assert event["response"]["body"] == DOCUMENT
    assert "X-Moesif-Body-Truncated" not in event["response"]["headers"]


@pytest.mark.parametrize("way", [way for way in READERS if way != "json"])
def test_chunk_framing_is_not_recorded(api: Api, recorder: Recorder, capture: Capture, way: str) -> None:
    capture()
    api.may_go_on.set()
    READERS[way](requests.get(f"{api.uri}/stream", stream=True, timeout=20))
    [event] = recorder.wait_for(1)
    assert base64.b64decode(event["response"]["body"]) == b"first\nsecond\n"


def test_first_line_arrives_before_the_second_is_sent(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    answer = requests.get(f"{api.uri}/stream", stream=True, timeout=20)
    lines = answer.iter_lines(chunk_size=1)
    assert next(lines) == b"first"
    assert recorder.events == []
    api.may_go_on.set()
    assert list(lines) == [b"second"]
    [event] = recorder.wait_for(1)
    assert event["response"]["content_length"] == len(b"first\nsecond\n")
    assert "X-Moesif-Body-Truncated" not in event["response"]["headers"]


def test_response_time_is_taken_at_the_end_of_the_stream(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    answer = requests.get(f"{api.uri}/items", stream=True, timeout=20)
    time.sleep(0.2)  # the recorded duration must grow
    assert answer.json() == DOCUMENT
    [event] = recorder.wait_for(1)
    took = _seconds(event["response"]["time"]) - _seconds(event["request"]["time"])
    assert took >= 0.2


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_only_what_the_caller_reads_is_read(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    with requests.get(f"{api.uri}/stream", stream=True, timeout=20) as answer:
        assert answer.raw.read(3) == b"fir"
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 200
    assert event["response"]["headers"]["X-Moesif-Body-Truncated"] == "1"
    assert event["response"]["content_length"] == 3


def test_stream_closed_early_is_recorded_with_the_announced_length(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    capture()
    answer = requests.get(f"{api.uri}/large?100000", stream=True, timeout=20)
    assert len(next(answer.iter_content(10))) == 10
    answer.close()
    [event] = recorder.wait_for(1)
    assert event["response"]["headers"]["X-Moesif-Body-Truncated"] == "1"
    assert event["response"]["content_length"] == 100_000


def test_unread_stream_is_recorded_when_closed(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    requests.get(f"{api.uri}/items", stream=True, timeout=20).close()
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 200
    assert "body" not in event["response"]
    assert event["response"]["content_length"] == len(TEXT)
    assert event["response"]["headers"]["X-Moesif-Body-Truncated"] == "1"


def test_dropped_stream_is_freed_at_once_and_recorded(api: Api, recorder: Recorder, capture: Capture) -> None:
    """No reference of ours forms a cycle, so the response is freed without the garbage collector."""
    capture()
    gc.disable()
    try:
        answer = requests.get(f"{api.uri}/stream", stream=True, timeout=20)
        raw = weakref.ref(answer.raw)
        source = weakref.ref(answer.raw._original_response)  # noqa: SLF001 - the object that records
        del answer
        assert raw() is None
        assert source() is None
    finally:
        gc.enable()
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 200


def test_reader_may_outlive_the_response(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    read = requests.get(f"{api.uri}/items", stream=True, timeout=20).raw.read
    assert read() == TEXT
    [event] = recorder.wait_for(1)
    assert event["response"]["body"] == DOCUMENT


def test_response_to_head_is_recorded_without_a_stream(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    answer = requests.head(f"{api.uri}/items", stream=True, timeout=20)
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == answer.status_code == 200
    assert "X-Moesif-Body-Truncated" not in event["response"]["headers"]


def test_response_objects_keep_their_types(api: Api, capture: Capture) -> None:
    capture()
    for stream in (False, True):
        with requests.get(f"{api.uri}/items", stream=stream, timeout=20) as answer:
            assert type(answer) is requests.Response
            assert type(answer.raw) is urllib3.response.HTTPResponse
            assert type(answer.request) is requests.PreparedRequest
            assert isinstance(answer.raw._original_response, http.client.HTTPResponse)  # noqa: SLF001
            assert set(vars(answer)) == set(vars(requests.Response())) | {"connection"}


def test_connection_of_a_finished_stream_is_reused(api: Api, capture: Capture) -> None:
    capture()
    with requests.Session() as session:
        for path in ("items", "chunked", "gzipped"):
            session.get(f"{api.uri}/{path}", stream=True, timeout=20).content  # noqa: B018
    assert len(api.connections) == 1


def test_stream_option_of_a_session_counts(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    with requests.Session() as session:
        session.stream = True
        answer = session.send(requests.Request("GET", f"{api.uri}/items").prepare(), timeout=20)
        assert answer.raw.read(2) == TEXT[:2]
        assert recorder.events == []
        assert answer.raw.read() == TEXT[2:]
    [event] = recorder.wait_for(1)
    assert event["response"]["body"] == DOCUMENT


def test_stream_partly_read_by_a_hook_is_recorded_without_body(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    read = []

    def hook(response: Any, **_keywords: object) -> None:
        read.append(response.raw.read(3))

    with requests.get(f"{api.uri}/items", stream=True, hooks={"response": hook}, timeout=20) as answer:
        assert read[0] + answer.raw.read() == TEXT
    [event] = recorder.wait_for(1)
    assert "body" not in event["response"]
    assert event["response"]["content_length"] == len(TEXT)


class _Wrapping:
    """A wrapper as CacheControl makes it: it delegates missing attributes to the source."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_source"], name)

    def read(self, *arguments: Any) -> Any:
        return self._source.read(*arguments)


@pytest.mark.parametrize("is_read", [False, True])
def test_source_wrapped_by_another_library_is_closed_as_without_capturing(
    api: Api, recorder: Recorder, capture: Capture, *, is_read: bool
) -> None:
    capture()

    def wrap(response: Any, **_keywords: object) -> None:
        response.raw._fp = _Wrapping(response.raw._fp)  # noqa: SLF001 - as CacheControl does

    with requests.get(f"{api.uri}/items", stream=True, hooks={"response": wrap}, timeout=20) as answer:
        if is_read:
            assert answer.json() == DOCUMENT
    del answer
    [event] = recorder.wait_for(1)
    assert event["response"].get("body") == (DOCUMENT if is_read else None)


def _freed(answer: list[Any]) -> None:
    answer.clear()


def _collected(answer: list[Any]) -> None:
    answer.append(answer)
    del answer
    gc.collect()


def _collected_while_read(answer: list[Any]) -> None:
    chunks = answer[0].iter_content(1)
    next(chunks)
    answer.append(chunks)
    _collected(answer)


def _collected_half_read(answer: list[Any]) -> None:
    response = answer.pop()
    chunks = response.iter_content(1)
    next(chunks)
    cycle = [chunks]
    cycle.append(cycle)
    del chunks, cycle
    gc.collect()


def _closed_by_a_finaliser(answer: list[Any]) -> None:
    class Client:
        def __init__(self, answer: Any) -> None:
            self.answer = answer
            self.itself = self

        def __del__(self) -> None:
            self.answer.close()

    Client(answer.pop())
    gc.collect()


#: Ways to drop a response without reading it to its end.
WAYS_TO_DROP = [_freed, _collected, _collected_while_read, _collected_half_read, _closed_by_a_finaliser]

#: Calls into this package after which the mask function has run.
NEXT_CALLS: list[Callable[[Api], Any]] = [
    lambda api: requests.get(f"{api.uri}/next", timeout=20),
    lambda _api: moesif.flush(0),
    lambda _api: moesif.outgoing.stop(),
]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the garbage collector may close the socket first
@pytest.mark.parametrize("path", ["large?100000", "chunked"])
@pytest.mark.parametrize("drop", WAYS_TO_DROP)
def test_finaliser_calls_no_user_function(
    api: Api, recorder: Recorder, capture: Capture, drop: Callable[[list[Any]], None], path: str
) -> None:
    """A finaliser may run while any lock is held. The mask runs at the next call into this package."""
    masked: list[str] = []

    def mask(event: Any) -> Any:
        masked.append(event.request.uri)
        event.session_token = "masked"
        return event

    for make_next_call in NEXT_CALLS:
        capture(MASK_EVENT_MODEL=mask)
        masked.clear()
        before = len(recorder.events)
        gc.disable()
        try:
            answer = [requests.get(f"{api.uri}/{path}", stream=True, timeout=20)]
            drop(answer)
            del answer
            gc.collect()
        finally:
            gc.enable()
        assert masked == []
        make_next_call(api)
        assert masked[0] == f"{api.uri}/{path}"
        event = recorder.wait_for(before + len(masked))[before]
        assert event["response"]["status"] == 200
        assert event["session_token"] == "masked"


def test_event_waiting_for_its_mask_at_exit_is_sent_stripped(
    api: Api, recorder: Recorder, run_program: RunProgram
) -> None:
    source = f"""
        import requests, moesif.outgoing
        moesif.outgoing.start({{"MASK_EVENT_MODEL": print}})
        answer = requests.get({api.uri!r} + "/items?key=s3cr3t", stream=True, timeout=20)
        del answer
    """
    ended = run_program(source, to=recorder)
    assert (ended.code, ended.output, ended.errors) == (0, "", "")
    [event] = recorder.events
    assert event["request"]["uri"] == f"{api.uri}/items"


def test_elapsed_is_what_requests_measured(api: Api, capture: Capture) -> None:
    capture(GET_METADATA_OUTGOING=lambda _request, response: {"elapsed": response.elapsed.total_seconds()})
    answer = requests.get(f"{api.uri}/items", timeout=20)
    assert 0 < answer.elapsed.total_seconds() < 20


def test_large_response_is_recorded_as_prefix_and_size(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture(RESPONSE_MAX_BODY_SIZE=40)
    for stream in (False, True):
        assert len(requests.get(f"{api.uri}/large?100000", stream=stream, timeout=20).content) == 100_000
    for event in recorder.wait_for(2):
        assert len(event["response"]["body"]) == 40
        assert event["response"]["content_length"] == 100_000
        assert event["response"]["headers"]["X-Moesif-Body-Truncated"] == "1"
