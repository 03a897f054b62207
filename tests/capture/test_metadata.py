"""Any metadata results in valid JSON (docs/guarantees.md, I-28)."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import types
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import hello, request

if TYPE_CHECKING:
    from tests.conftest import Wrap
    from tests.recorder import Recorder


class Colour(enum.IntEnum):
    RED = 1


class Word(str, enum.Enum):
    HELLO = "hello"


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "not the text"


class Broken:
    def __str__(self) -> str:
        message = "no text"
        raise ValueError(message)


IDENTIFIER = uuid.UUID(int=7)
NAN, INFINITY = float("nan"), float("inf")

VALUES: list[tuple[object, object]] = [
    (
        {"nested": [1, 2.5, True, None, "text", {"a": []}]},
        {"nested": [1, 2.5, True, None, "text", {"a": []}]},
    ),
    ([NAN, INFINITY, -INFINITY], [None, None, None]),
    (10**30, 10**30),
    (-(2**64), -(2**64)),
    ([2**63, 2**53 + 1, -1], [2**63, 2**53 + 1, -1]),
    ([0.1, 1e300, -0.0, 1e-320, 5e22], [0.1, 1e300, -0.0, 1e-320, 5e22]),
    (dt.datetime(2024, 5, 6, 7, 8, 9), "2024-05-06T07:08:09"),  # noqa: DTZ001 - applications use naive datetimes
    (dt.date(2024, 5, 6), "2024-05-06"),
    (dt.time(7, 8), "07:08:00"),
    (b"text", "text"),
    (b"\xff\x00", "/wA="),
    ((1, 2), [1, 2]),
    ({5}, [5]),
    (frozenset([5]), [5]),
    (decimal.Decimal("1.10"), "1.10"),
    (IDENTIFIER, str(IDENTIFIER)),
    (Colour.RED, 1),
    (Word.HELLO, "hello"),
    (Text("the text"), "the text"),
    (
        {5: 1, None: 2, True: 3, 2.5: 4, IDENTIFIER: 5},
        {"5": 1, "null": 2, "true": 3, "2.5": 4, str(IDENTIFIER): 5},
    ),
    (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (types.MappingProxyType({"a": 1}), {"a": 1}),
    ('\x00\x1f\x7f\u2028 \U0001f600 "\\/', '\x00\x1f\x7f\u2028 \U0001f600 "\\/'),
    ("a\ud800b", "a\ud800b"),
    ({"\udfff": 1}, {"\udfff": 1}),
]


@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_metadata_is_converted_to_json(recorder: Recorder, wrap: Wrap, value: object, expected: object) -> None:
    request(wrap(hello, GET_METADATA=lambda _app, _environ: {"value": value}))
    # The recorder refuses documents that contain NaN or Infinity.
    [event] = recorder.wait_for(1)
    assert event["metadata"] == {"value": expected}


def _deep(depth: int) -> Any:
    value: Any = "bottom"
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def _cycle() -> dict[str, Any]:
    value: dict[str, Any] = {"list": []}
    value["list"].append(value)
    return value


HOSTILE: list[object] = [
    _deep(99),
    _deep(5000),
    {"deep": _deep(100_000)},
    _cycle(),
    Broken(),
    {"a": Broken()},
    {Broken(): 1},
    [Broken()] * 3,
    object(),
    _deep,
    10**5000,
    "x" * 10**6,
    [["x" * 1000] * 1000] * 10,
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: type(value).__name__)
def test_hostile_metadata_is_at_most_left_out(recorder: Recorder, wrap: Wrap, value: object) -> None:
    application = wrap(hello, GET_METADATA=lambda _app, _environ: {"value": value}, IDENTIFY_USER=lambda *_: "u")
    assert request(application).body == b"hello"
    [event] = recorder.wait_for(1)
    assert event["user_id"] == "u"
    assert event["response"]["status"] == 200


@pytest.mark.parametrize("value", [[1], "text", 5, True, b"bytes", object()], ids=repr)
def test_metadata_that_is_not_a_mapping_is_left_out(recorder: Recorder, wrap: Wrap, value: object) -> None:
    assert request(wrap(hello, GET_METADATA=lambda _app, _environ: value)).body == b"hello"
    assert "metadata" not in recorder.wait_for(1)[0]


def test_metadata_is_copied_at_the_end_of_the_call(recorder: Recorder, wrap: Wrap) -> None:
    shared: dict[str, int] = {"number": 0}

    def metadata(_app: object, _environ: object) -> dict[str, int]:
        shared["number"] += 1
        return shared

    application = wrap(hello, GET_METADATA=metadata)
    for _ in range(5):
        request(application)
    numbers = [event["metadata"]["number"] for event in recorder.wait_for(5)]
    assert numbers == [1, 2, 3, 4, 5]
