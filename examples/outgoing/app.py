"""A program that serves nothing and calls others: its calls are captured, with every option there is for them.

After `make build`, start the collector, something to call (the example for plain WSGI, say, which listens on port
8000), and then the program:

    target/release/moesif-collector
    .venv/bin/python -m examples.plain.app
    .venv/bin/python -m examples.outgoing.app

Look at http://127.0.0.1:9500/. An application with a middleware needs none of this: CAPTURE_OUTGOING_REQUESTS among its
settings does it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import requests

import moesif
from moesifpythonrequest.start_capture.start_capture import StartCapture

if TYPE_CHECKING:
    from moesif.models import EventModel


# What is asked about a call: with the request that was sent, and the response, or None where there was none.


def identify_user(req: requests.PreparedRequest, res: requests.Response | None) -> str:
    return str(req.headers.get("X-User-Id", ""))


def identify_company(req: requests.PreparedRequest, res: requests.Response | None) -> str:
    return str(req.headers.get("X-Company-Id", ""))


def get_session_token(req: requests.PreparedRequest, res: requests.Response | None) -> str | None:
    return res.cookies.get("session") if res is not None else None


def get_metadata(req: requests.PreparedRequest, res: requests.Response | None) -> dict[str, Any]:
    return {"datacenter": "westus", "seconds": res.elapsed.total_seconds() if res is not None else None}


def should_skip(req: requests.PreparedRequest, res: requests.Response | None) -> bool:
    return "health/probe" in (req.url or "")


def mask_event(eventmodel: EventModel) -> EventModel:
    if eventmodel.request and eventmodel.request.headers:
        eventmodel.request.headers.pop("authorization", None)
    return eventmodel


moesif_settings = {
    "APPLICATION_ID": os.environ.get("MOESIF_APPLICATION_ID", "example"),
    "BASE_URI": os.environ.get("MOESIF_BASE_URI", "http://127.0.0.1:9500"),
    "LOG_BODY_OUTGOING": True,
    "SKIP_OUTGOING": should_skip,
    "IDENTIFY_USER_OUTGOING": identify_user,
    "IDENTIFY_COMPANY_OUTGOING": identify_company,
    "GET_METADATA_OUTGOING": get_metadata,
    "GET_SESSION_TOKEN_OUTGOING": get_session_token,
    "MASK_EVENT_MODEL": mask_event,
}


def main(api: str) -> None:
    StartCapture().start_capture_outgoing(moesif_settings)

    requests.get(f"{api}/health/probe", timeout=10)
    headers = {"X-User-Id": "12345", "X-Company-Id": "67890", "Authorization": "Bearer secret"}
    requests.get(f"{api}/items", params={"page": 2}, headers=headers, timeout=10)
    with requests.Session() as session:
        session.post(f"{api}/echo", json={"name": "spanner"}, timeout=10)
        # A stream stays one: what is recorded is what is read.
        with session.get(f"{api}/large?100000", stream=True, timeout=10) as answer:
            for _chunk in answer.iter_content(1000):
                break
    try:
        requests.get("http://127.0.0.1:1/nobody-is-there", timeout=10)
    except requests.ConnectionError:
        print("nobody is there")

    # Not needed: the process delivers what is left when it ends.
    print("delivered" if moesif.flush(10) else "still waiting")
    StartCapture().stop_capture_outgoing()


if __name__ == "__main__":
    main(os.environ.get("API", "http://127.0.0.1:8000"))
