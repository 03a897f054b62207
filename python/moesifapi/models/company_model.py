"""The import path ``moesifapi.models.company_model``."""

from moesif.models import CompanyModel

__all__ = ["CompanyModel"]
