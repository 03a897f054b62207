"""What to do about a step that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moesif import _native
    from moesif.client.transport import Outcome

FOR_CONNECTION = (
    "no program listens at this address, or a firewall blocks it. Start the collector, or set BASE_URI to its address. "
    "If your network requires a proxy, set HTTPS_PROXY"
)
NOT_A_COLLECTOR = (
    "BASE_URI leads to a server that is not a collector, or to the wrong path on it. Set it to the collector's address"
)

NOT_TLS = (
    "begin BASE_URI with http:// instead of https://, or set it to the port on which the collector speaks TLS. Plain "
    "HTTP is not encrypted: use it only within a network that you trust"
)
NOT_HTTP = "begin BASE_URI with https:// instead of http://"


def for_name(host: str) -> str:
    """Return the advice for a name that cannot be looked up."""
    return f"check the spelling of BASE_URI, or of the proxy's variable. To try the lookup, run: getent hosts {host}"


def for_no_answer(client: _native.ApiClient, outcome: Outcome, *, is_tls: bool) -> str:
    """Return the advice for a server that accepts connections but sends no HTTP answer."""
    if outcome.cause == "proxy":
        return _for_proxy(client)
    if outcome.cause == "authority certificate":
        return (
            "make another certificate for the server. A self-signed one: openssl req -x509 -addext "
            "basicConstraints=CA:FALSE, and your other arguments. Then set SSL_CERT_FILE to its file"
        )
    if outcome.cause == "certificate":
        return (
            "if your own authority issued the certificate, set REQUESTS_CA_BUNDLE or SSL_CERT_FILE to the PEM file of "
            "that authority. If the certificate is for another name, set BASE_URI to that name"
        )
    if outcome.cause == "tls":
        return "change the TLS settings of the server, or set BASE_URI to a proxy of your own that makes the connection"
    if is_tls:
        return (
            "the server accepts connections but no TLS connection could be used. Look at its log, or at what listens "
            "on this port"
        )
    return (
        "the server accepts connections but does not answer over HTTP. Look at its log, or at what listens on this port"
    )


def for_answer(client: _native.ApiClient, outcome: Outcome) -> str:
    """Return the advice for an answer that reports a problem."""
    if outcome.status == 407:  # noqa: PLR2004 - proxy authentication required
        return _for_proxy(client)
    advice = _for_status(outcome)
    if client.proxy and outcome.status == 403:  # noqa: PLR2004 - forbidden
        return f"{advice}. If the proxy sent this answer: {_for_proxy(client)}"
    if client.proxy and outcome.status >= 500:  # noqa: PLR2004 - failures of the server
        return f"{advice}. Or the proxy at {client.proxy} cannot reach the collector"
    return advice


def _for_proxy(client: _native.ApiClient) -> str:
    return (
        f"the proxy at {client.proxy} refuses this connection. Put its user and password into the proxy's variable "
        "(http://user:password@host:port), allow the collector in the proxy, or add the collector's host to NO_PROXY"
    )


def _for_status(outcome: Outcome) -> str:
    if outcome.status in {401, 403}:
        return "set APPLICATION_ID to the Collector Application ID that the portal shows under Installation or API Keys"
    if 300 <= outcome.status <= 399:  # noqa: PLR2004 - redirects
        location = next((value for name, value in outcome.fields if name == "location"), "elsewhere")
        return (
            f"redirects are not followed, and this one leads to {location}. Set BASE_URI to the collector's own address"
        )
    if outcome.status == 402:  # noqa: PLR2004 - payment required
        return "check the subscription of this account: the collector answers 402 if it is not active"
    if outcome.status in {404, 405}:
        return NOT_A_COLLECTOR
    if outcome.status in {0, 408, 429} or outcome.status >= 500:  # noqa: PLR2004 - failures of the server
        return "the collector is reachable but cannot store events now: look at its log, and try again"
    return "the collector does not accept this request, and its answer says why. Report it as a fault of moesif-rs"
