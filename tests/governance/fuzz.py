"""Program that serves calls with rules and configurations in which random parts are replaced, and checks responses."""

from __future__ import annotations

import copy
import json
import random
from typing import Any
from wsgiref.validate import validator

from moesifwsgi import MoesifMiddleware
from tests.gateway import Gateway, hello, make_environ
from tests.governance.rules import answer, rule, when
from tests.recorder import Answer, Recorder
from tests.remote.config import wait_until

ROUNDS = 80
RULES = [
    rule(
        "regex",
        "r1",
        variables=[{"name": "0"}],
        regex_config=when(verb="POST", body__a="1", ip="192"),
        response={"status": 402, "headers": {"X-A": "{{0}}", "Set-Cookie": "a=1"}, "body": {"a": ["{{0|b}}"]}},
    ),
    rule(
        "user",
        "r2",
        applied_to="matching",
        applied_to_unidentified=True,
        variables=[{"name": "0"}],
        response={"status": 403, "headers": {"X-B": "b{{0}}"}, "body": "{{0}}"},
    ),
    rule("company", "r3", block=False, applied_to="not_matching", response={"headers": {"X-C": "c"}}),
]
CONFIG: dict[str, Any] = {
    "sample_rate": 100,
    "user_rules": {"ann": [{"rules": "r2", "values": {"0": "x"}}]},
    "company_rules": {"acme": [{"rules": "r3"}]},
    "regex_config": when(route="^/a"),
}
ODD: list[Any] = [
    *(None, True, -1, 1e300, 10**30, "", "{{0}}{{", "(?<=a)(b)\\1(", "(a+)+$", "a\r\nX: y\0é\ud800"),
    *([], [[{}]], {}, {"_id": {"a": []}}, "Transfer-Encoding", [0] * 1000),
]


class Mutator:
    """Replaces random parts of documents."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def mutate(self, part: Any) -> Any:
        if isinstance(part, list) and part and self.draw.random() < 0.8:
            index = self.draw.randrange(len(part))
            part[index] = self.mutate(part[index])
            return part
        if isinstance(part, dict) and part and self.draw.random() < 0.8:
            key = self.draw.choice(list(part))
            value = part.pop(key)
            if self.draw.random() < 0.9:
                part[self.draw.choice([key, key, key, "Connection", "é", ""])] = self.mutate(value)
            return part
        return copy.deepcopy(self.draw.choice(ODD))

    def broken(self, document: object) -> Answer:
        text = json.dumps(document)
        cut = self.draw.randrange(len(text))
        rest = text[cut + self.draw.randrange(3) :]
        return Answer(200, body=(text[:cut] + self.draw.choice(["", "]", "\xff", "{"]) + rest).encode())


def _serve(middleware: Any, documents: object) -> set[int]:
    """Make different calls, check the responses strictly, and return their statuses."""
    statuses = set()
    callers: list[dict[str, Any]] = [{}, {"HTTP_X_USER": "ann"}, {"HTTP_X_COMPANY": "acme", "HTTP_X_USER": "bob"}]
    for method, body in (("POST", b'{"a": 1}'), ("GET", None), ("HEAD", None)):
        for caller in callers:
            gateway = Gateway()
            result: Any = validator(middleware)(make_environ(method, "/a", body, **caller), gateway.start_response)
            try:
                text = b"".join(result)
            finally:
                result.close()
            statuses.add(int(gateway.status[:3]))
            assert 200 <= int(gateway.status[:3]) < 500, (gateway, documents)
            if text not in {b"", b"hello"}:
                json.loads(text)
                assert gateway.header("Content-Length") == [str(len(text))], (gateway, documents)
            for name, value in gateway.headers:
                assert name.isascii(), (gateway, documents)
                assert value.encode("latin-1").decode(), (gateway, documents)
                assert not any(ord(character) < 32 for character in name + value), (gateway, documents)
    return statuses


def main() -> None:
    """Print the statuses of all responses."""
    recorder = Recorder()
    mutator = Mutator(seed=7)
    statuses = set()
    for number in range(ROUNDS):
        rules, config = copy.deepcopy(RULES), copy.deepcopy(CONFIG)
        for _ in range(mutator.draw.randrange(1, 5)):
            if mutator.draw.random() < 0.7:
                rules = mutator.mutate(rules)
            else:
                config = mutator.mutate(config)
        is_broken = mutator.draw.random() < 0.1
        recorder.rules, recorder.config = mutator.broken(rules) if is_broken else answer(rules), answer(config)
        # Each middleware with its own id fetches the documents at its first request.
        application_id = f"fuzz-{number}"
        recorder.ids.append(application_id)
        options = {
            "APPLICATION_ID": application_id,
            "BASE_URI": recorder.uri,
            "EVENT_WORKER_COUNT": 1,
            "IDENTIFY_USER": lambda _app, environ, _headers: environ.get("HTTP_X_USER"),
            "IDENTIFY_COMPANY": lambda _app, environ, _headers: environ.get("HTTP_X_COMPANY"),
        }
        middleware = MoesifMiddleware(hello, options)
        fetched = recorder.fetches.count("/v1/rules")
        statuses |= _serve(middleware, (rules, config))
        wait_until(lambda before=fetched: recorder.fetches.count("/v1/rules") > before, "rules are fetched")  # type: ignore[misc]
        # Rules come into force shortly after they are fetched.
        for _ in range(20):
            statuses |= _serve(middleware, (rules, config))
    print(*sorted(statuses))
