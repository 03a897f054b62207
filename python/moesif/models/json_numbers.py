"""JSON numbers that survive reading and writing unchanged, such as ``1.10`` or ``1e400``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

#: The lowest value that ``sys.set_int_max_str_digits`` accepts: every interpreter can read integers of this
#: length.
_MAX_INTEGER_DIGITS = 640


class Number(float):
    """A float that keeps its JSON text. The native writer writes that text, so no digit is lost."""

    def __new__(cls, text: str) -> Self:
        """Parse the JSON text of a number."""
        number = super().__new__(cls, text)
        number.json_text = text
        return number

    json_text: str


def _parse_integer(text: str) -> float:
    # Python has no integer -0, and may refuse to read an integer with more digits.
    return Number(text) if text == "-0" or len(text) > _MAX_INTEGER_DIGITS else int(text)


def from_json(text: str | bytes) -> Any:
    """Parse JSON text. Numbers that Python would change become ``Number``, which keeps their text.

    Raises ``ValueError`` if the text is not JSON.
    """
    try:
        return json.loads(text, parse_float=Number, parse_int=_parse_integer)
    except json.JSONDecodeError as error:
        message = f"the text is not JSON: {error.msg}"
        raise json.JSONDecodeError(message, error.doc, error.pos) from None
