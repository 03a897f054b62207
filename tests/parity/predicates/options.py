"""Predicates about options that are values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity.predicates.findings import content_of, is_body, is_recorded_as, sent_headers

if TYPE_CHECKING:
    from tests.parity.compare import Finding
    from tests.parity.exchange import Exchange


def _is_none(exchange: Exchange, *names: str) -> bool:
    return any(name in exchange.options and exchange.options[name] is None for name in names)


def not_set(finding: Finding) -> bool:
    exchange = finding.exchange
    if finding.field == "user_id":
        is_unset = _is_none(exchange, "AUTHORIZATION_HEADER_NAME", "AUTHORIZATION_USER_ID_FIELD")
        return is_unset and finding.theirs is None and finding.ours in {"ann", "bob"}
    if finding.field == "request.api_version":
        return exchange.options.get("API_VERSION") == "" and (finding.theirs, finding.ours) == ("", None)
    is_unset = _is_none(exchange, "LOG_BODY")
    return is_unset and finding.theirs is None and is_recorded_as(finding, content_of(finding))


def flag_as_text(finding: Finding) -> bool:
    return finding.exchange.options.get("LOG_BODY") == "false" and is_body(finding) and finding.ours is None


def names_as_list(finding: Finding) -> bool:
    names = finding.exchange.options.get("AUTHORIZATION_HEADER_NAME")
    return isinstance(names, list) and (finding.field, finding.theirs, finding.ours) == ("user_id", None, "bob")


def other_spelling(finding: Finding) -> bool:
    if "DISABLE_TRANSACTION_ID" not in finding.exchange.options:
        return False
    if finding.field == "seen.headers":
        return bool(finding.ours == sent_headers(finding.exchange)[:-1])
    return finding.field.endswith(".headers.x-moesif-transaction-id") and finding.ours is None


def mask_lists(finding: Finding) -> bool:
    options, field = finding.exchange.options, finding.field
    for side in ("request", "response"):
        for header in options.get(f"{side.upper()}_HEADER_MASKS", ()):
            if field == f"{side}.headers.{header.lower()}":
                return finding.ours is None
        if options.get(f"{side.upper()}_BODY_MASKS") and field == f"{side}.body":
            return bool(finding.ours == {"kept": {"b": 2}})
    is_masked = "REQUEST_QUERY_MASKS" in options and field == "request.uri"
    return is_masked and bool(finding.ours == finding.theirs.replace("token=s3cr3t&", ""))
