"""Compares two recordings of one exchange field by field.

Null and absent are equal. Before the comparison, these values are replaced by a placeholder: times that fit the call,
random ids (equal ids get equal placeholders), and the process id. Header names are put into lower case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.parity.exchange import Exchange

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
#: A time with milliseconds. Upstream writes no zone and means UTC.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z?")
#: Tolerance in seconds, because recorded times are rounded to milliseconds.
ROUNDING = 0.005


@dataclass(frozen=True)
class Recording:
    """One side's result of an exchange: what the server and the application saw, and the recorded events."""

    seen: dict[str, Any]
    events: list[dict[str, Any]]
    begin: float
    end: float
    #: When the application made its last chunk (seconds since the epoch); 0 if unknown.
    made_at: float
    pid: int

    def fields(self) -> dict[str, Any]:
        """Return all values by field name, without absent ones."""
        ids: dict[str, str] = {}
        fields: dict[str, Any] = {}
        for name, value in self.seen.items():
            fields |= _flat(f"seen.{name}", value, by_name=name in {"calls", "notes"})
        fields["events"] = len(self.events) or None
        for event in self.events[:1]:
            fields |= self._event_fields(event)
        return {name: self._plain(value, ids) for name, value in fields.items() if value is not None}

    def _event_fields(self, event: dict[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, value in event.items():
            if name not in {"request", "response"}:
                fields[name] = value
                continue
            for part, inner in (value or {}).items():
                key = f"{name}.{part}"
                if part == "headers":
                    fields |= {f"{key}.{header.lower()}": text for header, text in (inner or {}).items()}
                else:
                    fields[key] = self._time(name, inner) if part == "time" else inner
        return fields

    def _time(self, of: str, text: Any) -> Any:
        """Replace a time that fits the call with a placeholder. Any other value is returned unchanged."""
        if not isinstance(text, str) or not TIME.fullmatch(text):
            return text
        moment = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=timezone.utc).timestamp()
        if not self.begin - ROUNDING <= moment <= self.end + ROUNDING:
            return text
        if of == "response" and moment < self.made_at - ROUNDING:
            return "<before the body was complete>"
        return "<in time>"

    def _plain(self, value: Any, ids: dict[str, str]) -> Any:
        if isinstance(value, str):
            value = UUID.sub(lambda found: ids.setdefault(found[0], f"<id {len(ids) + 1}>"), value)
            return "<pid>" if value == str(self.pid) else value
        if isinstance(value, list):
            return [self._plain(item, ids) for item in value]
        if isinstance(value, dict):
            return {self._plain(name, ids): self._plain(item, ids) for name, item in value.items()}
        return value


def _flat(name: str, value: Any, *, by_name: bool) -> dict[str, Any]:
    if not by_name:
        return {name: value}
    return {f"{name}.{key}": inner for key, inner in value.items()}


@dataclass(frozen=True)
class Finding:
    """A field that differs between the two sides. ``None`` means absent."""

    exchange: Exchange
    field: str
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.field}\n    upstream: {_shown(self.theirs)}\n    ours:     {_shown(self.ours)}"


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 300 else f"{shown[:300]}… ({len(shown)} characters)"


def findings(exchange: Exchange, theirs: Recording, ours: Recording) -> list[Finding]:
    """Return the fields that differ. If one side has no event, report that instead of each missing field."""
    left, right = theirs.fields(), ours.fields()
    names = list(dict.fromkeys([*left, *right]))
    if "events" not in left or "events" not in right:
        names = [name for name in names if name == "events" or name.startswith("seen.")]
    return [
        Finding(exchange, name, left.get(name), right.get(name))
        for name in names
        if not _same(left.get(name), right.get(name))
    ]


def _same(left: Any, right: Any) -> bool:
    """Compare values and types, because ``1``, ``1.0`` and ``True`` are different in JSON."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and bool(left == right)
