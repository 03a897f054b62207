"""Predicates about URIs, headers and transaction ids."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.parity.predicates.findings import declared_length, sent_headers, sent_response, variable

if TYPE_CHECKING:
    from tests.parity.compare import Finding


def _text_of_bytes(text: str) -> bytes:
    return text.encode("latin-1")


def uri(finding: Finding) -> bool:
    """Compare our URI with the one that PEP 3333 defines."""
    if finding.field != "request.uri" or "MASK_EVENT_MODEL" in finding.exchange.options:
        return False
    variables = finding.exchange.variables
    scheme = variables.get("wsgi.url_scheme", "http")
    host = variables.get("HTTP_HOST", "api.example.com")
    if not host:
        port = variables.get("SERVER_PORT", "80")
        host = "api.example.com" + ("" if (scheme, port) in {("http", "80"), ("https", "443")} else f":{port}")
    path = variables.get("PATH_INFO", f"/exchange/{finding.exchange.name}{finding.exchange.path}") or ""
    path = quote(_text_of_bytes(variables.get("SCRIPT_NAME", "") + path), safe="/-._~!$&'()*+,;=:@")
    query = quote(_text_of_bytes(variables.get("QUERY_STRING") or ""), safe="-._~!$&'()*+,;=:@/?%")
    query = query.replace("50%&", "50%25&").replace("%zz", "%25zz")
    return bool(finding.ours == f"{scheme}://{quote(host, safe=':[]')}{path}{'?' if query else ''}{query}")


def utf_8_text(finding: Finding) -> bool:
    if ".headers." not in finding.field or not isinstance(finding.theirs, str) or not isinstance(finding.ours, str):
        return False
    return finding.theirs != finding.ours and finding.theirs.encode("latin-1", "ignore") == finding.ours.encode()


def empty_variable(finding: Finding) -> bool:
    is_variable = finding.field in {"request.headers.content-type", "request.headers.content-length"}
    return is_variable and finding.theirs == "" and finding.ours is None


def unsafe_transaction_id(finding: Finding) -> bool:
    sent = variable(finding.exchange, "HTTP_X_MOESIF_TRANSACTION_ID")
    if not sent or (len(sent) <= 64 and " " not in sent):
        return False
    if finding.field == "seen.headers":
        return bool(finding.ours == sent_headers(finding.exchange))
    is_id = finding.field.endswith(".headers.x-moesif-transaction-id")
    return is_id and (finding.theirs, finding.ours) == (sent, "<id 1>")


def transaction_id_of_the_application(finding: Finding) -> bool:
    headers = finding.exchange.answer.headers
    own = [value for name, value in headers if name.lower() == "x-moesif-transaction-id"]
    if not own:
        return False
    if finding.field == "seen.headers":
        return bool(finding.ours == [*map(list, headers)])
    return finding.field == "response.headers.x-moesif-transaction-id" and finding.ours == own[0]


def event_id_is_the_header(finding: Finding) -> bool:
    return finding.field == "transaction_id" and (finding.theirs, finding.ours) == ("<id 2>", "<id 1>")


def content_length(finding: Finding) -> bool:
    if not finding.field.endswith(".content_length") or finding.theirs is not None:
        return False
    if finding.field == "response.content_length":
        return bool(finding.ours == len(sent_response(finding.exchange)))
    declared = str(declared_length(finding.exchange)).strip("+ ")
    read = 0 if finding.exchange.reads == "none" or declared == "0" else len(finding.exchange.body or b"")
    return bool(finding.ours == max(read, int(declared) if declared.isdigit() else 0))


def joined(finding: Finding) -> bool:
    name = finding.field.removeprefix("response.headers.")
    values = [value for header, value in finding.exchange.answer.headers if header.lower() == name]
    if finding.field in {"user_id", "company_id"}:
        values = [value for header, value in finding.exchange.answer.headers if header == "X-Twice"]
    return len(values) > 1 and (finding.theirs, finding.ours) == (values[-1], ", ".join(values))
