"""The import path ``moesifpythonrequest.start_capture``."""
