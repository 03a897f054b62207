"""What a collector says about itself, as a document."""

from __future__ import annotations

from moesif.models.base import BaseModel, same


class StatusModel(BaseModel):
    """What the health probe answers."""

    names = same("status", "region")

    def __init__(self, status: bool | None = None, region: str | None = None) -> None:
        """Take every attribute as it is."""
        self.status = status
        self.region = region
