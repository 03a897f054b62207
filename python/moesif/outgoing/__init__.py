"""Captures the calls that an application makes with `requests <https://requests.readthedocs.io>`_.

A middleware with the option ``CAPTURE_OUTGOING_REQUESTS`` starts this. A program without a middleware calls ``start``.
"""

from moesif.outgoing.capturing import StartCapture, start, stop

__all__ = ["StartCapture", "start", "stop"]
