"""Model of the answer to a health probe."""

from __future__ import annotations

from moesif.models.base import BaseModel, same_names


class StatusModel(BaseModel):
    """The health of a collector: ``status`` is true if it is well; ``region`` names where it runs."""

    names = same_names("status", "region")

    def __init__(self, status: bool | None = None, region: str | None = None) -> None:
        """Set the attributes."""
        self.status = status
        self.region = region
