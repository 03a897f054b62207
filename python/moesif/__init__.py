"""API observability for Python web applications, with a core written in Rust.

Most applications use the import paths of the packages that this one replaces: ``from moesifwsgi import
MoesifMiddleware``. Those packages contain no code of their own; everything is here.
"""

from moesif import lifecycle as _lifecycle  # noqa: F401 - registers the hooks for exit and fork
from moesif.delivery import Stats, flush, stats
from moesif.installation import warn_of_shared_files
from moesif.options import MoesifSettings
from moesif.version import __version__
from moesif.wsgi import MoesifMiddleware

__all__ = ["MoesifMiddleware", "MoesifSettings", "Stats", "__version__", "flush", "stats"]

warn_of_shared_files()
