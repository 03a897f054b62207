"""The result of one step of the check."""

from __future__ import annotations

from typing import NamedTuple


class Verdict(NamedTuple):
    """What a step found. If something is wrong, ``advice`` says what to do."""

    step: str
    is_good: bool
    found: str
    advice: str = ""
