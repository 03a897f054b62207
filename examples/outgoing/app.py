"""A program that makes calls; they are captured. Shows every option for outgoing calls.

After `make build`, start the collector, then the program. It calls a small API that it starts itself (api.py), or the
one at the address in API:

    target/release/moesif-collector
    .venv/bin/python -m examples.outgoing.app

Then open http://127.0.0.1:9500/. An application with a middleware does not need `StartCapture`: it sets
CAPTURE_OUTGOING_REQUESTS.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import requests

import moesif
from examples.outgoing.api import running
from moesifpythonrequest.start_capture.start_capture import StartCapture

if TYPE_CHECKING:
    from moesif.models import EventModel


# These functions get the request that was sent and the response. If the call failed, the response is None.


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
        # A stream stays a stream. What the program reads is recorded.
        with session.get(f"{api}/large?100000", stream=True, timeout=10) as answer:
            for _chunk in answer.iter_content(1000):
                break
    try:
        requests.get("http://127.0.0.1:1/unreachable", timeout=10)
    except requests.ConnectionError:
        print("no connection")

    # Optional: a process delivers the remaining events when it ends.
    print("delivered" if moesif.flush(10) else "still waiting")
    StartCapture().stop_capture_outgoing()


if __name__ == "__main__":
    if "API" in os.environ:
        main(os.environ["API"])
    else:
        with running() as address:
            main(address)
