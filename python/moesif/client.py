"""The collector's API for programs that capture nothing: so far, telling it about users and companies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moesif import _native
from moesif.profiles import ProfileUpdates

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ApiController", "MoesifAPIClient"]


class ApiController(ProfileUpdates):
    """The calls of the API, over a way to post a document."""

    def __init__(self, post: Callable[[str, str], str | None]) -> None:
        """Take ``post(path, document)``, which returns what went wrong as a sentence, or ``None``."""
        self._post = post


class MoesifAPIClient:
    """The API under an application id: ``MoesifAPIClient(application_id).api.update_user(...)``.

    The collector is the one that ``MOESIF_BASE_URI`` in the environment names, else https://api.moesif.net; the other
    options of delivery can be set there as well (docs/options.md). Making a client opens no connection.

    Raises ``ValueError`` without an application id, or for a bad value in the environment.
    """

    def __init__(self, application_id: str) -> None:
        """Check the id and the environment."""
        self._client = _native.ApiClient({"APPLICATION_ID": application_id})

    @property
    def api(self) -> ApiController:
        """The calls."""
        return ApiController(self._client.post)
