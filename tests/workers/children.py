"""Starts three child processes that call the API at ``API``.

``children billiard|multiprocess|multiprocessing fork|spawn|forkserver parent|child``
"""

from __future__ import annotations

import importlib
import os
import sys

import requests


def call(number: int) -> None:
    """Call the API and capture the call."""
    from moesif import outgoing  # noqa: PLC0415 - some tests have it imported in the child only

    outgoing.start()
    requests.get(f"{os.environ['API']}/items/{number}", timeout=30)


def main() -> None:
    """Start the children and wait for them."""
    library, method, capture_in = sys.argv[1:4]
    if capture_in == "parent":
        from moesif import outgoing  # noqa: PLC0415 - not in every test

        outgoing.start()
    # The library is imported after the package, and imports parts of itself in the child only.
    context = importlib.import_module(library).get_context(method)
    children = [context.Process(target=call, args=(number,)) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]


if __name__ == "__main__":
    main()
