"""The Django middleware, for every Django from 1.9 on. Only importing this module imports Django."""

from moesif.django.masks import MaskData
from moesif.django.middleware import MoesifMiddleware
from moesif.django.pre19 import MoesifMiddlewarePre19

__all__ = ["MaskData", "MoesifMiddleware", "MoesifMiddlewarePre19"]
