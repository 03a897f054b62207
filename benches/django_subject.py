"""Runs one subject of a benchmark in its own interpreter: a Django view, bare or behind a middleware.

Its output has the form of that of benches/subject.py. The rate counts events from the first call to the end of a
flush. Upstream has no flush. There, the rate counts the events of the first seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from benches.subject import REQUEST, RESPONSE, delivered, environment, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

# How long to wait for upstream. It sends a batch of 25 every two seconds.
UPSTREAM_SECONDS = 8.0


def prepare(sink: str) -> Callable[[HttpRequest], HttpResponse]:
    """Sets Django up, and returns the view."""
    from django.conf import settings  # noqa: PLC0415 - before django.setup

    settings.configure(
        ALLOWED_HOSTS=["*"], MOESIF_MIDDLEWARE={"APPLICATION_ID": "bench", "BASE_URI": sink}, USE_TZ=True
    )
    import django  # noqa: PLC0415

    django.setup()
    from django.http import HttpResponse  # noqa: PLC0415

    def view(request: HttpRequest) -> HttpResponse:
        assert request.body == REQUEST
        response = HttpResponse(RESPONSE, content_type="application/json")
        response["Cache-Control"] = "no-store"
        response["X-Request-Id"] = "7f3c1a"
        return response

    return view


def drive(app: Callable[[Any], Any], calls: int) -> list[int]:
    """Calls the view, reads and closes each response. Returns the nanoseconds of each call."""
    from django.core.handlers.wsgi import WSGIRequest  # noqa: PLC0415 - once Django is set up

    clock = time.perf_counter_ns
    times = []
    for _ in range(calls):
        request = WSGIRequest(environment())
        begin = clock()
        response = app(request)
        for _chunk in response:
            pass
        response.close()
        times.append(clock() - begin)
    return times


def settle() -> None:
    """Waits until everything is delivered. Upstream has no flush: there it waits for a fixed time."""
    try:
        from moesif import flush  # noqa: PLC0415 - upstream does not have it
    except ImportError:
        time.sleep(UPSTREAM_SECONDS)
    else:
        assert flush(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("subject", choices=["bare", "middleware"])
    parser.add_argument("--sink", required=True, help="base URI of the counting collector")
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--workload", choices=["calls"], default="calls")
    arguments = parser.parse_args()
    app = prepare(arguments.sink)
    is_captured = arguments.subject == "middleware"
    if is_captured:
        from moesifdjango.middleware import moesif_middleware  # noqa: PLC0415 - the bare subject must not load it

        app = moesif_middleware(app)
    # Warm up, with as many calls as fill one batch.
    drive(app, 25)
    wait_for(arguments.sink, 25 * is_captured)
    before, cpu, begin = delivered(arguments.sink), time.process_time(), time.monotonic()
    times = drive(app, arguments.calls)
    if is_captured:
        settle()
    cpu, seconds = time.process_time() - cpu, time.monotonic() - begin
    events = delivered(arguments.sink) - before
    json.dump({"times": times, "events": events, "cpu_s": cpu, "rate": events / seconds}, sys.stdout)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
