"""A program for each start method of multiprocessing: the parent and the child serve one request each."""

from __future__ import annotations

import multiprocessing
import sys

from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, make_environ, request


def serve(path: str) -> None:
    """Serve one request with a middleware of this process."""
    request(MoesifMiddleware(hello, {}), make_environ(path=path))


if __name__ == "__main__":
    method = sys.argv[1]
    serve(f"/{method}/parent")
    multiprocessing.set_start_method(method)
    child = multiprocessing.Process(target=serve, args=(f"/{method}/child",))
    child.start()
    child.join()
    sys.exit(child.exitcode)
