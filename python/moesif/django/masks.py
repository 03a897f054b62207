"""Masking functions for existing code that calls them. Events are masked by the core, which keeps header names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["MaskData"]


class MaskData:
    """Removes headers and keys from copies. The arguments stay unchanged. Masks of ``None`` remove nothing."""

    @staticmethod
    def mask_headers(headers: Mapping[str, Any] | None, masks: Iterable[str] | None) -> Mapping[str, Any] | None:
        """Return the headers without those in ``masks`` (any case), names in lower case; ``None`` for ``None``."""
        if headers is None or masks is None:
            return headers
        masked = {name.lower() for name in _names(masks)}
        return {name.lower(): value for name, value in headers.items() if name.lower() not in masked}

    @staticmethod
    def mask_body(body: Any, masks: Iterable[str] | None) -> Any:
        """Return JSON-like data without the keys in ``masks``, at any depth. Other data is returned as it is."""
        return body if masks is None else _without(body, frozenset(_names(masks)))


def _names(masks: Iterable[str]) -> Iterable[str]:
    """Return the names in a list, or in a text with commas. The settings allow both."""
    return [name.strip() for name in masks.split(",")] if isinstance(masks, str) else masks


def _without(value: Any, keys: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(item, keys) for key, item in value.items() if key not in keys}
    if isinstance(value, (list, tuple)):
        return [_without(item, keys) for item in value]
    return value
