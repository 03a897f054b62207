"""Base class of the models."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar, overload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Self


class BaseModel:
    """Base class of the models: conversion to and from dictionaries."""

    #: Maps each attribute to its name in the API.
    names: ClassVar[Mapping[str, str]] = {}
    #: Attributes that hold another model, with its class.
    _nested_models: ClassVar[Mapping[str, type[BaseModel]]] = {}

    def to_dictionary(self) -> dict[str, Any]:
        """Return the model as a dictionary with the names of the API.

        Nested models become dictionaries, and datetimes become ISO 8601 text. Attributes that are not set are
        ``None``. The dictionary is a copy, and so are lists and dictionaries directly in it. Deeper values
        are shared.
        """
        return {name: _plain(getattr(self, attribute)) for attribute, name in self.names.items()}

    def supplied(self) -> dict[str, Any]:
        """Return the model as a dictionary without the attributes that are ``None``. Values stay as they are."""
        return {
            self.names[attribute]: value.supplied() if isinstance(value, BaseModel) else value
            for attribute, value in self._set_attributes()
        }

    @overload
    @classmethod
    def from_dictionary(cls, dictionary: None) -> None: ...
    @overload
    @classmethod
    def from_dictionary(cls, dictionary: Mapping[str, Any]) -> Self: ...
    @classmethod
    def from_dictionary(cls, dictionary: Mapping[str, Any] | None) -> Self | None:
        """Return a model with the values of the dictionary; ``None`` for ``None``.

        Nested dictionaries become models; an empty one becomes ``None``. Names that the API does not have are
        ignored. Times are not converted.
        """
        if dictionary is None:
            return None
        values = {}
        for attribute, name in cls.names.items():
            value = dictionary.get(name)
            nested_model = cls._nested_models.get(attribute)
            if nested_model is not None and not isinstance(value, BaseModel):
                value = nested_model.from_dictionary(value or None)
            values[attribute] = value
        return cls(**values)

    def __repr__(self) -> str:
        """Return the class name with the attributes that are set."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self._set_attributes())
        return f"{type(self).__name__}({shown})"

    def _set_attributes(self) -> Iterator[tuple[str, Any]]:
        for attribute in self.names:
            value = getattr(self, attribute)
            if value is not None:
                yield attribute, value


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_dictionary_if_model(item) for item in value]
    if isinstance(value, dict):
        return {name: _dictionary_if_model(item) for name, item in value.items()}
    return value.isoformat() if isinstance(value, dt.datetime) else _dictionary_if_model(value)


def _dictionary_if_model(value: object) -> object:
    return value.to_dictionary() if isinstance(value, BaseModel) else value


def same_names(*names: str) -> Mapping[str, str]:
    """Return a value for ``BaseModel.names`` where attributes and API use the same names."""
    return {name: name for name in names}
