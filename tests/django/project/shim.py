"""Restores names that old Djangos import and Python 3.10 has removed. For tests only."""

from __future__ import annotations

import collections
import collections.abc
import gettext
import html.parser
from typing import Any


def install() -> None:
    """Add the missing names."""
    for name in collections.abc.__all__:
        if not hasattr(collections, name):
            setattr(collections, name, getattr(collections.abc, name))
    if not hasattr(html.parser, "HTMLParseError"):
        html.parser.HTMLParseError = type("HTMLParseError", (Exception,), {})  # type: ignore[attr-defined]
    original = gettext.translation

    def translation(*arguments: Any, **keywords: Any) -> Any:
        keywords.pop("codeset", None)
        return original(*arguments, **keywords)

    gettext.translation = translation

    import django

    if django.VERSION < (1, 11):
        _let_models_have_methods_with_super()


def _let_models_have_methods_with_super() -> None:
    """Give classes their ``__class__`` cell, which their metaclass drops."""
    from django.db.models.base import ModelBase

    new = ModelBase.__new__

    def with_cell(cls: Any, name: str, bases: Any, attributes: Any, **keywords: Any) -> Any:
        cell = attributes.pop("__classcell__", None)
        made = new(cls, name, bases, attributes, **keywords)
        if cell is not None:
            cell.cell_contents = made
        return made

    ModelBase.__new__ = with_cell
