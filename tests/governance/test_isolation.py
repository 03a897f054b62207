"""One user's tag values never reach another user, with many concurrent threads (docs/guarantees.md, I-6 and I-31)."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from tests.gateway import make_environ, request
from tests.governance.rules import events_of, rule

if TYPE_CHECKING:
    from tests.governance.conftest import Govern
    from tests.recorder import Recorder

THREADS = 16
CALLS = 100
BODY = {"plan": "{{plan}}", "deep": [{"of": ["{{user}}", "{{missing|nobody}}"]}], "{{user}}": 1.50}


def test_tag_values_are_those_of_the_caller(recorder: Recorder, govern: Govern) -> None:
    variables = [{"name": name} for name in ("user", "plan", "missing")]
    response = {"status": 402, "headers": {"X-User": "{{user|nobody}}"}, "body": BODY}
    users = [f"user-{number}" for number in range(THREADS)]
    governed = govern(
        [rule("user", variables=variables, response=response, applied_to_unidentified=True)],
        {"user_rules": {user: [{"rules": "r", "values": {"user": user, "plan": f"plan of {user}"}}] for user in users}},
        IDENTIFY_USER=lambda _app, environ, _headers: environ.get("HTTP_X_USER"),
    )
    failures: list[object] = []
    start = threading.Barrier(THREADS)

    def work(user: str) -> None:
        start.wait()
        for number in range(CALLS):
            # Every third call has no user.
            name, plan = (user, f"plan of {user}") if number % 3 else ("UNKNOWN", "UNKNOWN")
            caller: dict[str, Any] = {"HTTP_X_USER": user} if number % 3 else {}
            try:
                answer = request(governed, make_environ("GET", f"/{user}", **caller))
                expected = {"plan": plan, "deep": [{"of": [name, "nobody"]}], "{{user}}": 1.50}
                assert json.loads(answer.body) == expected
                assert answer.header("X-User") == [user if number % 3 else "nobody"]
            except BaseException as error:  # noqa: BLE001 - any exception is a failure
                failures.append(error)

    threads = [threading.Thread(target=work, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for user in users:
        for event in events_of(recorder, f"/{user}", CALLS):
            body, named = event["response"]["body"], event.get("user_id")
            assert named in {user, None}
            assert body["deep"][0]["of"][0] == (named or "UNKNOWN")
