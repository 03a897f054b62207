"""Predicates about client addresses, and about users in authorization headers."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from tests.parity.predicates.findings import is_failure, is_loss, variable

if TYPE_CHECKING:
    from tests.parity.compare import Finding


def _is_address(text: Any) -> bool:
    try:
        ipaddress.ip_address(str(text).partition("%")[0])
    except ValueError:
        return False
    return True


def no_peer_address(finding: Finding) -> bool:
    variables = finding.exchange.variables
    is_missing = "REMOTE_ADDR" in variables and variables["REMOTE_ADDR"] is None
    return is_missing and is_failure(finding, "KeyError: 'REMOTE_ADDR'")


def address_in_bytes(finding: Finding) -> bool:
    forwarded = variable(finding.exchange, "HTTP_X_FORWARDED_FOR")
    return forwarded is not None and len(forwarded) in {4, 16} and not _is_address(forwarded) and is_loss(finding)


#: Right address of each exchange in which upstream records another one, none, or an unusual spelling.
ADDRESSES = {
    "address-of-the-peer-empty": None,
    "address-of-the-peer-socket": None,
    "address-of-the-peer-with-port": "192.0.2.1",
    "address-forwarded": "192.0.2.60",
    "address-forwarded-ipv6": "2001:db8:cafe::17",
    "address-ipv6-in-upper-case": "2001:db8::5",
    "address-ipv6-long": "2001:db8::5",
    "address-ipv6-with-zone": "fe80::1",
    "address-in-white-space": "203.0.113.5",
    "address-list-of-ipv6-with-port": "2001:db8::2",
    "address-list-of-ipv6-in-brackets": "2001:db8::2",
    "address-header-with-port": "203.0.113.5",
    "address-header-with-list": "203.0.113.5",
}


def address(finding: Finding) -> bool:
    if finding.field != "request.ip_address" or finding.exchange.name not in ADDRESSES:
        return False
    return bool(finding.ours == ADDRESSES[finding.exchange.name])


def _is_user(finding: Finding, prefix: str = "identity-") -> bool:
    return finding.field == "user_id" and finding.exchange.name.startswith(prefix)


def url_safe_token(finding: Finding) -> bool:
    users = {"identity-bearer-url-safe-alphabet": "???>>>~~~\xff\xff", "identity-basic-url-safe-alphabet": "???>>>"}
    user = users.get(finding.exchange.name)
    return user is not None and (finding.field, finding.theirs, finding.ours) == ("user_id", None, user)


def value_in_token(finding: Finding) -> bool:
    """Null, an empty text, an object or an array in a token gives no user. True is written as in JSON."""
    if not _is_user(finding, "identity-bearer-"):
        return False
    return (finding.theirs, finding.ours) in {
        ("None", None),
        ("", None),
        ("['ann']", None),
        ("{'id': 'ann'}", None),
        ("True", "true"),
    }


def basic_without_name(finding: Finding) -> bool:
    return _is_user(finding, "identity-basic-") and (finding.theirs, finding.ours) == ("", None)


def scheme(finding: Finding) -> bool:
    value = str(variable(finding.exchange, "HTTP_AUTHORIZATION"))
    if not _is_user(finding):
        return False
    if value.startswith("basic "):
        return bool(finding.theirs is None and finding.ours == "ann")
    return value.startswith("Digest ") and finding.ours is None


def next_header(finding: Finding) -> bool:
    names = finding.exchange.options.get("AUTHORIZATION_HEADER_NAME")
    first = variable(finding.exchange, "HTTP_X_API_KEY")
    return _is_user(finding) and isinstance(names, str) and first in {"", "7f3c1a"} and finding.ours == "bob"
