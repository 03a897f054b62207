"""The Django middleware, for Django 1.9 and later. The rest of the package does not import Django."""

from moesif.django.masks import MaskData
from moesif.django.middleware import MoesifMiddleware
from moesif.django.pre19 import MoesifMiddlewarePre19

__all__ = ["MaskData", "MoesifMiddleware", "MoesifMiddlewarePre19"]
