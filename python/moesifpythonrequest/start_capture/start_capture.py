"""The import path ``moesifpythonrequest.start_capture.start_capture``."""

from moesif.outgoing import StartCapture

__all__ = ["StartCapture"]
