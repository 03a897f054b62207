"""The corpus: exchanges to be played through both middlewares, by what they vary."""

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
