"""API observability for Python web applications, on a compiled core.

The import paths of the packages this one replaces work unchanged (``from moesifwsgi import MoesifMiddleware``); this
package is what they lead to.
"""

from moesif.installation import warn_of_shared_files
from moesif.lifecycle import Stats, flush, stats
from moesif.options import MoesifSettings
from moesif.version import __version__
from moesif.wsgi import MoesifMiddleware

__all__ = ["MoesifMiddleware", "MoesifSettings", "Stats", "__version__", "flush", "stats"]

warn_of_shared_files()
