"""Exchanges with authorization headers that name a user in different ways."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.parity.exchange import Exchange

BOTH = {"AUTHORIZATION_HEADER_NAME": "X-Api-Key, Authorization"}


def token(payload: Any, *, url_safe: bool = True, padded: bool = False) -> str:
    text = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
    encoded = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(text).decode()
    return f"eyJhbGciOiJIUzI1NiJ9.{encoded if padded else encoded.rstrip('=')}.c2lnbmF0dXJl"


def basic(pair: str | bytes) -> str:
    return "Basic " + base64.b64encode(pair if isinstance(pair, bytes) else pair.encode()).decode()


#: Its base64 form contains the characters that differ between the two alphabets.
AWKWARD = {"sub": "???>>>~~~\xff\xff"}
ANN = {"sub": "ann", "name": "Ann", "iat": 1516239022}


def _with(name: str, value: str | None, options: dict[str, Any] | None = None, **headers: str) -> Exchange:
    variables: dict[str, Any] = {f"HTTP_{header}": text for header, text in headers.items()}
    if value is not None:
        variables["HTTP_AUTHORIZATION"] = value
    return Exchange(f"identity-{name}", variables=variables, options=options or {})


def _field(name: str) -> dict[str, Any]:
    return {"AUTHORIZATION_USER_ID_FIELD": name}


def _header(name: str) -> dict[str, Any]:
    return {"AUTHORIZATION_HEADER_NAME": name}


EXCHANGES = [
    _with("none", None),
    _with("empty", ""),
    _with("bearer", "Bearer " + token(ANN)),
    _with("bearer-padded", "Bearer " + token(ANN, padded=True)),
    _with("bearer-standard-alphabet", "Bearer " + token(AWKWARD, url_safe=False)),
    _with("bearer-url-safe-alphabet", "Bearer " + token(AWKWARD)),
    _with("bearer-lower-case", "bearer " + token(ANN)),
    _with("bearer-upper-case", "BEARER " + token(ANN)),
    _with("bearer-more-space", "Bearer   " + token(ANN)),
    _with("bearer-no-space", "Bearer" + token(ANN)),
    _with("bearer-field-in-upper-case", "Bearer " + token({"SUB": "ann"})),
    _with("bearer-number", "Bearer " + token({"sub": 42})),
    _with("bearer-large-number", "Bearer " + token({"sub": 2**70})),
    _with("bearer-fraction", "Bearer " + token({"sub": 1.5})),
    _with("bearer-true", "Bearer " + token({"sub": True})),
    _with("bearer-null", "Bearer " + token({"sub": None})),
    _with("bearer-empty", "Bearer " + token({"sub": ""})),
    _with("bearer-list", "Bearer " + token({"sub": ["ann"]})),
    _with("bearer-object", "Bearer " + token({"sub": {"id": "ann"}})),
    _with("bearer-field-missing", "Bearer " + token({"name": "Ann"})),
    _with("bearer-payload-array", "Bearer " + token(["sub"])),
    _with("bearer-payload-text", "Bearer " + token(b"not json")),
    _with("bearer-payload-empty", "Bearer e30..c2ln"),
    _with("bearer-payload-no-base64", "Bearer e30.***.c2ln"),
    _with("bearer-opaque", "Bearer 7f3c1a"),
    _with("bearer-two-parts", "Bearer " + token(ANN).rpartition(".")[0]),
    _with("bearer-five-parts", "Bearer " + token(ANN) + ".d.e"),
    _with("bearer-nothing", "Bearer"),
    _with("bearer-unsigned", "Bearer " + token(ANN).rpartition(".")[0] + "."),
    _with("bearer-unicode", "Bearer " + token({"sub": "ännä ☃"}, url_safe=False)),
    _with("bearer-two-in-one", "Bearer " + token(ANN) + ", Bearer " + token({"sub": "bob"})),
    _with("bearer-another-field", "Bearer " + token({"sub": "no", "user_id": "ann"}), _field("user_id")),
    _with("bearer-another-field-in-capitals", "Bearer " + token({"User_Id": "ann"}), _field("USER_ID")),
    _with("basic", basic("ann:secret")),
    _with("basic-lower-case", basic("ann:secret").replace("Basic", "basic")),
    _with("basic-no-user", basic(":secret")),
    _with("basic-no-colon", basic("ann")),
    _with("basic-two-colons", basic("ann:a:b")),
    _with("basic-space", basic(" ann :x")),
    _with("basic-unicode", basic("ännä:x")),
    _with("basic-latin-1", basic(b"\xe4nn:x")),
    _with("basic-unpadded", basic("anna:x").rstrip("=")),
    _with("basic-url-safe-alphabet", "Basic Pz8_Pj4-On4="),
    _with("basic-broken", "Basic ***"),
    _with("basic-nothing", "Basic"),
    _with("digest", 'Digest username="ann", realm="x"'),
    _with("digest-of-basic", 'Digest realm="Basic YW5uOng="'),
    _with("scheme-that-contains-bearer", "NotBearer " + token(ANN)),
    _with("custom-token", token(ANN)),
    _with("custom-two-parts", token(ANN).rpartition(".")[0]),
    _with("custom-payload", base64.b64encode(b'{"sub": "ann"}').decode()),
    _with("custom-scheme", "Token " + token(ANN)),
    _with("custom-opaque", "7f3c1a"),
    _with("header-other", None, _header("X-User-Token"), X_USER_TOKEN="Bearer " + token(ANN)),
    _with("header-other-in-lower-case", None, _header("x-user-token"), X_USER_TOKEN=token(ANN)),
    _with("header-other-absent", basic("bob:x"), _header("X-User-Token")),
    _with("headers-first", basic("bob:x"), BOTH, X_API_KEY=basic("key:x")),
    _with("headers-second", basic("bob:x"), BOTH),
    _with("headers-first-opaque", basic("bob:x"), BOTH, X_API_KEY="7f3c1a"),
    _with("headers-first-empty", basic("bob:x"), BOTH, X_API_KEY=""),
    _with("headers-none", None, BOTH),
    _with("headers-list", basic("bob:x"), {"AUTHORIZATION_HEADER_NAME": ["X-Api-Key", "Authorization"]}),
    _with("header-not-set", basic("bob:x"), {"AUTHORIZATION_HEADER_NAME": None}),
    _with("field-not-set", "Bearer " + token(ANN), {"AUTHORIZATION_USER_ID_FIELD": None}),
]
