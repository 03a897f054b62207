"""The version of the package."""

from moesif import _native

__version__: str = _native.VERSION
