"""Updates of users, companies and subscriptions from within an application.

Each call sends a request and waits for the answer, for at most ``REQUEST_TIMEOUT`` in all, retries included.
A large batch takes several requests. Other threads and greenlets run meanwhile. Nothing is raised: an invalid
profile or a failed request is logged on ``moesif.client``, and the profile is not updated.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from moesif import _native
from moesif.client import operations
from moesif.client.documents import COMPANY, SUBSCRIPTION, USER, elements_of, fields_of, to_json
from moesif.client.errors import APIException
from moesif.client.http import HttpMethodEnum, HttpRequest
from moesif.client.operations import ApiResult
from moesif.client.transport import execute

if TYPE_CHECKING:
    from collections.abc import Callable

    from moesif.client.documents import Document, Documents, Kind
    from moesif.client.operations import ApiRequest, Operation

__all__ = ["ProfileUpdates"]

_logger = logging.getLogger("moesif.client")


class ProfileUpdates:
    """The methods of a middleware that create or update profiles.

    A profile is a dictionary, a model of ``moesif.models`` or JSON text. Only its id is required; a
    subscription also requires ``company_id`` and ``status``. The collector merges the profile into what it
    has stored: fields that are missing or ``None`` stay as they are. ``metadata`` may hold values of any
    type; dates are sent in ISO 8601 form. Fields that the API does not have are left out, with a warning.
    """

    #: Creates a POST request with a path and JSON text. It is not sent yet.
    _post: Callable[[str, str], _native.ApiCall]

    def update_user(self, user_profile: Document) -> None:
        """Create or update a user. ``user_id`` is required."""
        self._update(USER, user_profile)

    def update_users_batch(self, user_profiles: Documents) -> None:
        """Create or update users. A profile that cannot be sent is logged; the others are sent."""
        self._update_batch(USER, user_profiles)

    def update_company(self, company_profile: Document) -> None:
        """Create or update a company. ``company_id`` is required."""
        self._update(COMPANY, company_profile)

    def update_companies_batch(self, companies_profiles: Documents) -> None:
        """Create or update companies. A profile that cannot be sent is logged; the others are sent."""
        self._update_batch(COMPANY, companies_profiles)

    def update_subscription(self, subscription: Document) -> None:
        """Create or update a subscription. ``subscription_id``, ``company_id`` and ``status`` are required."""
        self._update(SUBSCRIPTION, subscription)

    def update_subscriptions_batch(self, subscriptions: Documents) -> None:
        """Create or update subscriptions. A profile that cannot be sent is logged; the others are sent."""
        self._update_batch(SUBSCRIPTION, subscriptions)

    def _update(self, kind: Kind, profile: Document) -> None:
        json_text = _to_json_or_log(kind, profile, f"the {kind.noun}")
        if json_text is not None:
            self._run(kind, operations.send_json(kind, json_text))

    def _update_batch(self, kind: Kind, batch: Documents) -> None:
        try:
            profiles = elements_of(kind, batch)
        except Exception as error:
            _raise_interruption(error)
            _logger.exception("a batch of %s profiles is not sent: it cannot be read", kind.noun)
            return
        converted = (
            _to_json_or_log(kind, profile, f"profile {index} of the batch") for index, profile in enumerate(profiles)
        )
        json_texts = [json_text for json_text in converted if json_text is not None]
        self._run(kind, operations.send_json_batch(kind, json_texts))

    def _run(self, kind: Kind, operation: Operation[Any]) -> None:
        try:
            operations.run(operation, self._send)
        except APIException as error:
            _logger.error("cannot update %s profiles: %s", kind.noun, error)  # noqa: TRY400 - the traceback adds nothing
        except Exception as error:
            _raise_interruption(error)
            _logger.exception("cannot update %s profiles", kind.noun)

    def _send(self, request: ApiRequest) -> ApiResult:
        outcome = execute(self._post(request.path, request.document or ""))
        return ApiResult.of(HttpRequest(HttpMethodEnum.POST, request.path), outcome)


def _raise_interruption(error: Exception) -> None:
    """Raise an exception that a time limit or a signal handler has raised into our code."""
    if _native.is_interruption(error):
        raise error


def _to_json_or_log(kind: Kind, profile: Document, name: str) -> str | None:
    """Return a profile as JSON text. If it cannot be sent, log that and return ``None``. Messages call it ``name``."""
    try:
        return to_json(kind, _without_unknown_fields(kind, profile), name)
    except ValueError as error:
        _logger.warning("a %s profile is not sent: %s", kind.noun, error)
    except Exception as error:
        _raise_interruption(error)
        _logger.exception("a %s profile is not sent: %s cannot be read", kind.noun, name)
    return None


def _without_unknown_fields(kind: Kind, profile: Document) -> Document:
    """Return a profile without the fields that the API does not have. Log the names of those, but not their values."""
    if kind.model is None or isinstance(profile, kind.model):
        return profile
    fields = fields_of(kind, profile)
    unknown = [str(name) for name in fields if name not in kind.model.names]
    if unknown:
        _logger.warning(
            "unknown fields of a %s are not sent: %s. Put them into metadata, or use one of these: %s",
            kind.noun,
            ", ".join(unknown),
            ", ".join(kind.model.names),
        )
    return kind.model.from_dictionary(fields)
