"""A dictionary of HTTP headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class Headers(dict[str, Any]):
    """Header values by name. Lookups ignore case; names keep the case in which they were first set."""

    def _stored_name(self, name: Any) -> Any:
        """Return the stored spelling of a name. Returns the name itself if the header is missing."""
        if super().__contains__(name) or not isinstance(name, str):
            return name
        lowered = name.lower()
        return next((stored for stored in self if stored.lower() == lowered), name)

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(self._stored_name(name))

    def __setitem__(self, name: str, value: object) -> None:
        super().__setitem__(self._stored_name(name), value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(self._stored_name(name))

    def __contains__(self, name: object) -> bool:
        return super().__contains__(self._stored_name(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a header, or the default."""
        return super().get(self._stored_name(name), default)

    def pop(self, name: str, *default: Any) -> Any:
        """Remove a header and return its value. Raises ``KeyError`` if it is missing and there is no default."""
        return super().pop(self._stored_name(name), *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return the value of a header. A missing header is set to the default first."""
        return super().setdefault(self._stored_name(name), default)

    def update(self, *others: Any, **named: Any) -> None:
        """Set headers. Each replaces a header of the same name, ignoring case."""
        for name, value in dict(*others, **named).items():
            self[name] = value

    def __ior__(self, other: Any) -> Self:  # type: ignore[override]
        self.update(other)
        return self

    def __or__(self, other: Any) -> Headers:  # type: ignore[override]
        return self.copy().__ior__(other)

    def copy(self) -> Headers:
        """Return a copy, also of type ``Headers``."""
        return Headers(self)
