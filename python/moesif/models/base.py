"""What all documents of the API have in common."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar, overload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Self


class BaseModel:
    """What all documents have in common."""

    #: Attribute by the name the API has for it.
    names: ClassVar[Mapping[str, str]] = {}
    #: Attributes that are documents themselves.
    _documents: ClassVar[Mapping[str, type[BaseModel]]] = {}

    def to_dictionary(self) -> dict[str, Any]:
        """Return the document under the API's names, in which the documents are dictionaries and moments texts.

        Unset attributes are ``None``. Changing the dictionary, or one right in it, does not change the model.
        """
        return {name: _plain(getattr(self, attribute)) for attribute, name in self.names.items()}

    def supplied(self) -> dict[str, Any]:
        """Return the document without the attributes that are not set."""
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
        """Return the model of a document; ``None`` for ``None``, and for a document in it that is empty.

        Names the API does not have are passed over. Times stay what they are, texts or moments.
        """
        if dictionary is None:
            return None
        values = {}
        for attribute, name in cls.names.items():
            value = dictionary.get(name)
            document = cls._documents.get(attribute)
            is_plain = document is not None and not isinstance(value, BaseModel)
            values[attribute] = document.from_dictionary(value or None) if document and is_plain else value
        return cls(**values)

    def __repr__(self) -> str:
        """Show the attributes that are set."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self._set_attributes())
        return f"{type(self).__name__}({shown})"

    def _set_attributes(self) -> Iterator[tuple[str, Any]]:
        for attribute in self.names:
            value = getattr(self, attribute)
            if value is not None:
                yield attribute, value


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_of_document(item) for item in value]
    if isinstance(value, dict):
        return {name: _of_document(item) for name, item in value.items()}
    return value.isoformat() if isinstance(value, dt.datetime) else _of_document(value)


def _of_document(value: object) -> object:
    return value.to_dictionary() if isinstance(value, BaseModel) else value


def same(*names: str) -> Mapping[str, str]:
    """Return the names of attributes that the API knows under the same names."""
    return {name: name for name in names}
