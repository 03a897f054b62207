"""The corpus of exchanges with a WSGI application, one module for each thing that varies."""

from __future__ import annotations

from tests.parity.corpus import addresses, bodies, functions, identity, masks, options, requests, responses

EXCHANGES = [
    *bodies.EXCHANGES,
    *requests.EXCHANGES,
    *addresses.EXCHANGES,
    *identity.EXCHANGES,
    *responses.EXCHANGES,
    *options.EXCHANGES,
    *functions.EXCHANGES,
    *masks.EXCHANGES,
]
