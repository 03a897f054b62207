"""``User`` and ``Company`` of moesifapi: updates of profiles through a controller."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from moesif.client.errors import APIException

if TYPE_CHECKING:
    from collections.abc import Callable

    from moesif.client.controllers import ApiController
    from moesif.client.documents import Document, Documents

__all__ = ["Company", "User"]

_logger = logging.getLogger("moesif.client")


class User:
    """Updates of users. Failures are logged on ``moesif.client`` and not raised."""

    def update_user(self, user_profile: Document, api_client: ApiController, DEBUG: object = None) -> None:  # noqa: ARG002, N803 - moesifapi's
        """Create or update a user. ``DEBUG`` is ignored."""
        _update_or_log("user", lambda: api_client.update_user(user_profile))

    def update_users_batch(self, user_profiles: Documents, api_client: ApiController, DEBUG: object = None) -> None:  # noqa: ARG002, N803 - moesifapi's
        """Create or update users. ``DEBUG`` is ignored."""
        _update_or_log("user", lambda: api_client.update_users_batch(user_profiles))


class Company:
    """Updates of companies. Failures are logged on ``moesif.client`` and not raised."""

    def update_company(self, company_profile: Document, api_client: ApiController, DEBUG: object = None) -> None:  # noqa: ARG002, N803 - moesifapi's
        """Create or update a company. ``DEBUG`` is ignored."""
        _update_or_log("company", lambda: api_client.update_company(company_profile))

    def update_companies_batch(
        self,
        company_profiles: Documents,
        api_client: ApiController,
        DEBUG: object = None,  # noqa: ARG002, N803 - moesifapi's
    ) -> None:
        """Create or update companies. ``DEBUG`` is ignored."""
        _update_or_log("company", lambda: api_client.update_companies_batch(company_profiles))


def _update_or_log(noun: str, update: Callable[[], None]) -> None:
    try:
        update()
    except (APIException, TypeError, ValueError) as error:
        _logger.error("cannot update %s profiles: %s", noun, error)  # noqa: TRY400 - the traceback adds nothing
