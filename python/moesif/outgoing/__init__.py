"""The calls an application makes with `requests <https://requests.readthedocs.io>`_, captured.

A middleware whose settings have ``CAPTURE_OUTGOING_REQUESTS`` starts this by itself; a program without one calls
``start``.
"""

from moesif.outgoing.capturing import StartCapture, start, stop

__all__ = ["StartCapture", "start", "stop"]
