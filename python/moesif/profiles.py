"""Telling the collector about users, companies and subscriptions from within an application.

In: dictionaries, models or JSON text. Out: a request for each call, for which the calling thread waits: at most
REQUEST_TIMEOUT in all, the attempts after a failure included, because it is a request of the application that waits (a
large batch is several requests). Other threads run meanwhile, and other greenlets. Nothing is raised: what is wrong
with a profile, or went wrong with the request, is logged on ``moesif.client``, and the profile is not updated.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from moesif.client import calls
from moesif.client.calls import Told
from moesif.client.documents import COMPANY, SUBSCRIPTION, USER, elements_of, fields_of, text_of
from moesif.client.exchange import APIException, HttpRequest
from moesif.client.waiting import wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from moesif import _native
    from moesif.client.calls import Asked, Steps
    from moesif.client.documents import Document, Documents, Kind

__all__ = ["ProfileUpdates"]

_logger = logging.getLogger("moesif.client")


class ProfileUpdates:
    """The helpers that create or update profiles, for whoever can post a document.

    A profile is a dictionary, a model of ``moesif.models`` or JSON text. Only its id is required (of a subscription,
    ``company_id`` and ``status`` as well); what it holds is merged into what the collector knows, and what it leaves
    out, or sets to ``None``, stays as it is. ``metadata`` may hold anything: dates are sent in ISO form. Keys the API
    does not have are left out, with a warning.
    """

    #: Begins to post JSON text to a path.
    _post: Callable[[str, str], _native.ApiCall]

    def update_user(self, user_profile: Document) -> None:
        """Create or update a user: ``user_id`` and, say, ``company_id``, ``campaign`` and ``metadata``."""
        self._update(USER, user_profile)

    def update_users_batch(self, user_profiles: Documents) -> None:
        """Create or update users. One that cannot be sent is logged; the others are sent."""
        self._update_batch(USER, user_profiles)

    def update_company(self, company_profile: Document) -> None:
        """Create or update a company: ``company_id`` and, say, ``company_domain``, ``campaign`` and ``metadata``."""
        self._update(COMPANY, company_profile)

    def update_companies_batch(self, companies_profiles: Documents) -> None:
        """Create or update companies. One that cannot be sent is logged; the others are sent."""
        self._update_batch(COMPANY, companies_profiles)

    def update_subscription(self, subscription: Document) -> None:
        """Create or update a subscription: ``subscription_id``, ``company_id``, ``status`` and, say, ``metadata``."""
        self._update(SUBSCRIPTION, subscription)

    def update_subscriptions_batch(self, subscriptions: Documents) -> None:
        """Create or update subscriptions. One that cannot be sent is logged; the others are sent."""
        self._update_batch(SUBSCRIPTION, subscriptions)

    def _update(self, kind: Kind, profile: Document) -> None:
        text = _text(kind, profile, f"the {kind.noun}")
        if text is not None:
            self._run(kind, calls.send_text(kind, text))

    def _update_batch(self, kind: Kind, profiles: Documents) -> None:
        try:
            given = elements_of(kind, profiles)
        except Exception:
            _logger.exception("a batch of %s profiles is not sent: it cannot be read", kind.noun)
            return
        written = (_text(kind, profile, f"profile {index} of the batch") for index, profile in enumerate(given))
        self._run(kind, calls.send_texts(kind, [text for text in written if text is not None]))

    def _run(self, kind: Kind, steps: Steps[Any]) -> None:
        try:
            calls.run(steps, self._ask)
        except APIException as error:
            _logger.error("updating %s profiles: %s", kind.noun, error)  # noqa: TRY400 - its traceback tells nothing
        except Exception:
            _logger.exception("updating %s profiles", kind.noun)

    def _ask(self, asked: Asked) -> Told:
        return Told.of(HttpRequest("POST", asked.path), wait(self._post(asked.path, asked.document or "")))


def _text(kind: Kind, profile: Document, name: str) -> str | None:
    """Return a profile as JSON text; what cannot be sent is logged and ``None``. ``name`` is for the log."""
    try:
        return text_of(kind, _known(kind, profile), name)
    except ValueError as error:
        _logger.warning("a %s profile is not sent: %s", kind.noun, error)
    except Exception:
        _logger.exception("a %s profile is not sent: %s cannot be read", kind.noun, name)
    return None


def _known(kind: Kind, profile: Document) -> Document:
    """Return a profile without the fields that the API does not have. They are logged, not their values."""
    if kind.model is None or isinstance(profile, kind.model):
        return profile
    fields = fields_of(kind, profile)
    unknown = [str(name) for name in fields if name not in kind.model.names]
    if unknown:
        _logger.warning(
            "the field %s of a %s is not known and not sent: metadata may hold it", ", ".join(unknown), kind.noun
        )
    return kind.model.from_dictionary(fields)
