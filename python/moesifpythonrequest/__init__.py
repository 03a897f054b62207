"""The import path of the moesifpythonrequest package."""
