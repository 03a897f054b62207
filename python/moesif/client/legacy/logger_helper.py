"""``LoggerHelper`` of moesifapi."""

from __future__ import annotations

import os

__all__ = ["LoggerHelper"]


class LoggerHelper:
    """Text for log messages."""

    @classmethod
    def get_worker_pid(cls) -> str:
        """Return the process id as text."""
        return str(os.getpid())
