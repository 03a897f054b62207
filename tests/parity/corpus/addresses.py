"""Exchanges with the client's address in different headers and spellings."""

from __future__ import annotations

from typing import Any

from tests.parity.exchange import Exchange


def _from(name: str, peer: Any = "192.0.2.1", **headers: str) -> Exchange:
    variables: dict[str, Any] = {f"HTTP_{header}": value for header, value in headers.items()}
    return Exchange(f"address-{name}", variables={"REMOTE_ADDR": peer, **variables})


EXCHANGES = [
    _from("of-the-peer"),
    _from("of-the-peer-ipv6", "2001:db8::9"),
    _from("of-the-peer-loopback", "::1"),
    _from("of-the-peer-missing", None),
    _from("of-the-peer-missing-behind-a-proxy", None, X_FORWARDED_FOR="203.0.113.7"),
    _from("of-the-peer-empty", ""),
    _from("of-the-peer-socket", "unix:"),
    _from("of-the-peer-with-port", "192.0.2.1:5000"),
    _from("x-client-ip", X_CLIENT_IP="203.0.113.1"),
    _from("x-forwarded-for", X_FORWARDED_FOR="203.0.113.2"),
    _from("cf-connecting-ip", CF_CONNECTING_IP="203.0.113.3"),
    _from("true-client-ip", TRUE_CLIENT_IP="203.0.113.4"),
    _from("x-real-ip", X_REAL_IP="203.0.113.5"),
    _from("x-cluster-client-ip", X_CLUSTER_CLIENT_IP="203.0.113.6"),
    _from("x-forwarded", X_FORWARDED="203.0.113.7"),
    _from("forwarded-for", FORWARDED_FOR="203.0.113.8"),
    _from("forwarded-bare", FORWARDED="203.0.113.9"),
    _from("forwarded", FORWARDED="for=192.0.2.60;proto=http;by=203.0.113.43"),
    _from("forwarded-ipv6", FORWARDED='for="[2001:db8:cafe::17]:4711", for=10.0.0.1'),
    _from("forwarded-obfuscated", FORWARDED="for=_hidden, for=unknown"),
    _from("order", X_FORWARDED_FOR="203.0.113.2", X_CLIENT_IP="203.0.113.1", X_REAL_IP="203.0.113.5"),
    _from("order-past-nonsense", X_CLIENT_IP="nonsense", X_REAL_IP="203.0.113.5", X_FORWARDED="203.0.113.7"),
    _from("ipv6", X_REAL_IP="2001:db8::5"),
    _from("ipv6-in-upper-case", X_REAL_IP="2001:DB8::5"),
    _from("ipv6-long", X_REAL_IP="2001:0db8:0000:0000:0000:0000:0000:0005"),
    _from("ipv6-of-ipv4", X_REAL_IP="::ffff:203.0.113.5"),
    _from("ipv6-with-zone", X_REAL_IP="fe80::1%eth0"),
    _from("in-white-space", X_REAL_IP=" 203.0.113.5 "),
    _from("list", X_FORWARDED_FOR="203.0.113.2, 10.0.0.1, 10.0.0.2"),
    _from("list-with-unknown", X_FORWARDED_FOR="unknown, 203.0.113.2"),
    _from("list-with-port", X_FORWARDED_FOR="203.0.113.2:5000, 10.0.0.1"),
    _from("list-of-ipv6", X_FORWARDED_FOR="2001:db8::2, 10.0.0.1"),
    _from("list-of-ipv6-with-port", X_FORWARDED_FOR="[2001:db8::2]:5000"),
    _from("list-of-ipv6-in-brackets", X_FORWARDED_FOR="[2001:db8::2]"),
    _from("list-null", X_FORWARDED_FOR="null"),
    _from("list-none", X_FORWARDED_FOR="none"),
    _from("list-unknown", X_FORWARDED_FOR="unknown"),
    _from("list-of-four-letters", X_FORWARDED_FOR="abcd"),
    _from("list-empty", X_FORWARDED_FOR=""),
    _from("list-of-commas", X_FORWARDED_FOR=",,"),
    _from("list-of-private", X_FORWARDED_FOR="10.0.0.1"),
    _from("header-with-port", X_REAL_IP="203.0.113.5:5000"),
    _from("header-with-list", X_REAL_IP="203.0.113.5, 10.0.0.1"),
    _from("leading-zeros", X_REAL_IP="203.000.113.005"),
    _from("short", X_REAL_IP="203.113"),
]
