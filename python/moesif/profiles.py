"""Telling the collector about users, companies and subscriptions.

In: dictionaries, models or JSON text. Out: one request for each call, sent on the calling thread, which waits for the
answer: at most ``REQUEST_TIMEOUT``, and as long as the system takes to look the collector's name up. Other threads run
meanwhile; other greenlets, and what Ctrl-C asks for, wait as well. There is one attempt. Nothing is raised: what is
wrong with a profile, or went wrong with the request, is logged on ``moesif.client``, and the profile is not updated.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from moesif import _native
from moesif.models import BaseModel, CompanyModel, SubscriptionModel, UserModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Profile: TypeAlias = Mapping[str, Any] | BaseModel | str | bytes

__all__ = ["ProfileUpdates"]

_logger = logging.getLogger("moesif.client")


class _Kind(NamedTuple):
    noun: str
    model: type[BaseModel]
    id: str
    path: str
    also_required: tuple[str, ...] = ()


_USER = _Kind("user", UserModel, "user_id", "/v1/users")
_COMPANY = _Kind("company", CompanyModel, "company_id", "/v1/companies")
_SUBSCRIPTION = _Kind(
    "subscription", SubscriptionModel, "subscription_id", "/v1/subscriptions", also_required=("company_id", "status")
)


class ProfileUpdates:
    """The helpers that create or update profiles, for whoever can post a document.

    A profile is a dictionary, a model of ``moesif.models`` or JSON text. Only its id is required; what it holds is
    merged into what the collector knows, and what it leaves out, or sets to ``None``, stays as it is. ``metadata`` may
    hold anything: dates are sent in ISO form. Keys the API does not have are left out, with a warning.
    """

    #: Posts JSON text to a path; returns what went wrong as a sentence, or ``None``.
    _post: Callable[[str, str], str | None]

    def update_user(self, user_profile: Profile) -> None:
        """Create or update a user: ``user_id`` and, say, ``company_id``, ``campaign`` and ``metadata``."""
        self._update(_USER, user_profile)

    def update_users_batch(self, user_profiles: Iterable[Profile] | str | bytes) -> None:
        """Create or update users with one request. One that cannot be sent is logged; the others are sent."""
        self._update_batch(_USER, user_profiles)

    def update_company(self, company_profile: Profile) -> None:
        """Create or update a company: ``company_id`` and, say, ``company_domain``, ``campaign`` and ``metadata``."""
        self._update(_COMPANY, company_profile)

    def update_companies_batch(self, companies_profiles: Iterable[Profile] | str | bytes) -> None:
        """Create or update companies with one request. One that cannot be sent is logged; the others are sent."""
        self._update_batch(_COMPANY, companies_profiles)

    def update_subscription(self, subscription: Profile) -> None:
        """Create or update a subscription: ``subscription_id``, ``company_id``, ``status`` and, say, ``metadata``."""
        self._update(_SUBSCRIPTION, subscription)

    def update_subscriptions_batch(self, subscriptions: Iterable[Profile] | str | bytes) -> None:
        """Create or update subscriptions with one request. One that cannot be sent is logged; the others are sent."""
        self._update_batch(_SUBSCRIPTION, subscriptions)

    def _update(self, kind: _Kind, profile: Profile) -> None:
        document = _document(kind, profile)
        if document is not None:
            self._send(kind, kind.path, document)

    def _update_batch(self, kind: _Kind, profiles: Iterable[Profile] | str | bytes) -> None:
        try:
            given = list(_elements(profiles))
        except Exception:
            _logger.exception("a batch of %s profiles is not sent: it cannot be read", kind.noun)
            return
        written = (_document(kind, profile, f"profile {index} of the batch") for index, profile in enumerate(given))
        documents = [document for document in written if document is not None]
        if documents:
            self._send(kind, f"{kind.path}/batch", f"[{','.join(documents)}]")

    def _send(self, kind: _Kind, path: str, document: str) -> None:
        problem = self._post(path, document)
        if problem is not None:
            _logger.error("updating %s profiles: %s", kind.noun, problem)


def _elements(profiles: Iterable[Profile] | str | bytes) -> Iterable[Profile]:
    elements = json.loads(profiles) if isinstance(profiles, (str, bytes)) else profiles
    if isinstance(elements, Mapping) or not isinstance(elements, Iterable):
        message = f"expected a list of profiles, found {type(elements).__name__}"
        raise TypeError(message)
    return elements


def _document(kind: _Kind, profile: Profile, name: str = "it") -> str | None:
    """Return a profile as JSON text; what cannot be sent is logged and ``None``. ``name`` is for the log."""
    try:
        fields = _model(kind, profile).supplied()
        for field in (kind.id, *kind.also_required):
            if fields.get(field) in (None, ""):
                _logger.warning("a %s profile is not sent: %s has no %s", kind.noun, name, field)
                return None
        return _native.profile_json({**fields, kind.id: str(fields[kind.id])})
    except Exception:
        _logger.exception("a %s profile is not sent: %s cannot be read", kind.noun, name)
        return None


def _model(kind: _Kind, profile: Profile) -> BaseModel:
    if isinstance(profile, kind.model):
        return profile
    fields: Any = json.loads(profile) if isinstance(profile, (str, bytes)) else profile
    if isinstance(fields, BaseModel):
        fields = fields.to_dictionary()
    if not isinstance(fields, Mapping):
        message = f"expected a dictionary, a {kind.model.__name__} or JSON text, found {type(fields).__name__}"
        raise TypeError(message)
    unknown = [str(name) for name, value in fields.items() if name not in kind.model.names and value is not None]
    if unknown:
        _logger.warning(
            "the field %s of a %s is not known and not sent: metadata may hold it", ", ".join(unknown), kind.noun
        )
    return kind.model.from_dictionary(fields)
