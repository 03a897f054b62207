"""Checks whether events would reach the collector: ``python -m moesif check``.

The steps run in the order in which delivery needs them: packages, settings, name, connection, TLS or answer,
event. The packages are mentioned only if something is wrong with them. Checking stops at the first step that fails.
The last step sends a test event to the collector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moesif import _native
from moesif.check import settings
from moesif.check.installation import check_installation
from moesif.check.network import check_network
from moesif.check.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Verdict", "check"]


def check(dotted_path: str | None = None) -> Iterator[Verdict]:
    """Yield a verdict for each step.

    ``dotted_path`` names a dictionary of settings, such as ``project.settings.MOESIF_MIDDLEWARE``. ``None``
    means that all options come from the environment.
    """
    for verdict in check_installation():
        yield verdict
        if not verdict.is_good:
            return
    given = None
    if dotted_path is not None:
        try:
            given = settings.load(dotted_path)
        except Exception as error:  # noqa: BLE001 - importing a project runs its code
            advice = (
                "run this in the directory from which your project is imported, and name a dictionary, such as "
                "project.settings.MOESIF_MIDDLEWARE"
            )
            yield Verdict("settings", is_good=False, found=f"{type(error).__name__}: {error}", advice=advice)
            return
    with settings.CollectedWarnings() as warnings:
        try:
            client = _native.ApiClient(given)
        except (TypeError, ValueError) as error:
            advice = "correct this option, in the dictionary of settings or in the variable MOESIF_<OPTION>"
            yield Verdict("settings", is_good=False, found=str(error), advice=advice)
            return
    for warning in warnings:
        yield Verdict("settings", is_good=True, found=f"note: {warning}")
    length = len(client.application_id)
    characters = "1 character" if length == 1 else f"{length} characters"
    found = f"events go to {client.base_uri}, with an APPLICATION_ID of {characters}"
    yield Verdict("settings", is_good=True, found=found)
    yield from check_network(client)
