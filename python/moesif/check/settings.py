"""Loading of the settings to check, and the warnings about them."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from typing import Any


def load(dotted_path: str) -> Mapping[str, Any]:
    """Return the dictionary at ``package.module.NAME``.

    Raises ``ImportError`` or ``AttributeError`` if there is nothing at this path, ``TypeError`` if it is not
    a dictionary. Importing the module may raise anything.
    """
    module, _, name = dotted_path.rpartition(".")
    if not module:
        message = (
            f"{dotted_path} contains no dot: expected a module and a name, such as project.settings.MOESIF_MIDDLEWARE"
        )
        raise ImportError(message)
    found = getattr(importlib.import_module(module), name)
    if not isinstance(found, Mapping):
        message = f"{dotted_path} is of type {type(found).__name__}: expected a dictionary"
        raise TypeError(message)
    return found


class CollectedWarnings(logging.Handler):
    """Collects the warnings about settings instead of logging them, while used as a context manager."""

    def __init__(self) -> None:
        """Start without messages."""
        super().__init__(logging.WARNING)
        self._logger = logging.getLogger("moesif.settings")
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.messages.append(record.getMessage())

    def __enter__(self) -> list[str]:
        self._logger.addHandler(self)
        self._propagates, self._logger.propagate = self._logger.propagate, False
        return self.messages

    def __exit__(self, *_error: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagates
