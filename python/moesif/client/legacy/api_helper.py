"""``APIHelper`` of moesifapi."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from moesif import _native
from moesif.client.documents import MAX_REQUEST_BYTES
from moesif.models import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["APIHelper"]


class APIHelper:
    """Functions for JSON, URLs and forms."""

    @staticmethod
    def json_serialize(obj: Any) -> str | None:
        """Return the JSON text of a model, a list with models, or plain data. Returns ``None`` for ``None``.

        Raises ``ValueError`` if the text would be longer than 10,000,000 bytes, ``TypeError`` if there is a model in a
        dictionary.
        """
        if obj is None:
            return None
        plain = _plain(obj)
        _refuse_models(plain)
        # The native writer accepts only objects. So wrap the value in one, and cut off `{"":` and `}`.
        return _native.document_json({"": plain}, MAX_REQUEST_BYTES)[4:-1]

    @staticmethod
    def json_deserialize(json_str: str | bytes | None, unboxing_function: Callable[[Any], Any] | None = None) -> Any:
        """Parse JSON text. Text that is not JSON is returned unchanged.

        ``unboxing_function`` is applied to the value, or to each element if it is an array.
        """
        if json_str is None:
            return None
        try:
            value = json.loads(json_str)
        except ValueError:
            return json_str
        if unboxing_function is None:
            return value
        if isinstance(value, list):
            return [unboxing_function(element) for element in value]
        return unboxing_function(value)

    @staticmethod
    def append_url_with_template_parameters(url: str | None, parameters: Mapping[str, Any] | None) -> str:
        """Replace each ``{name}`` by the escaped parameter. The elements of a list are joined with slashes.

        Raises ``ValueError`` if the URL is ``None``.
        """
        if url is None:
            message = "the URL is None"
            raise ValueError(message)
        for name, value in (parameters or {}).items():
            elements = value if isinstance(value, list) else [] if value is None else [value]
            url = url.replace(f"{{{name}}}", "/".join(quote(str(element), safe="") for element in elements))
        return url

    @staticmethod
    def clean_url(url: str) -> str:
        """Remove repeated slashes from the path. Raises ``ValueError`` if this is not an http or https URL."""
        origin = re.match("https?://[^/]+", url)
        if origin is None:
            message = "Invalid Url format."
            raise ValueError(message)
        path, question_mark, query = url[origin.end() :].partition("?")
        return origin[0] + re.sub("/+", "/", path) + question_mark + query

    @staticmethod
    def form_encode_parameters(form_parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return form fields for parameters that may be nested, with names such as ``a[b][0]``."""
        fields: dict[str, Any] = {}
        for name, value in form_parameters.items():
            fields.update(APIHelper.form_encode(value, name))
        return fields

    @staticmethod
    def form_encode(obj: Any, instance_name: str) -> dict[str, Any]:
        """Return form fields for one value under this name. There are none if it is ``None``."""
        plain = _plain(obj)
        if plain is None:
            return {}
        if not isinstance(plain, (list, dict)):
            return {instance_name: plain}
        items = enumerate(plain) if isinstance(plain, list) else plain.items()
        return APIHelper.form_encode_parameters({f"{instance_name}[{key}]": value for key, value in items})


def _refuse_models(plain: Any) -> None:
    """Raise ``TypeError`` if there is a model in plain data. It would be sent as its ``repr``."""
    open_values = [plain]
    seen: set[int] = set()
    while open_values:
        value = open_values.pop()
        if isinstance(value, BaseModel):
            message = f"a {type(value).__name__} in a dictionary has no JSON text: use its to_dictionary()"
            raise TypeError(message)
        if isinstance(value, (dict, list, tuple)) and id(value) not in seen:
            seen.add(id(value))
            open_values += value.values() if isinstance(value, dict) else value


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.to_dictionary()
    return [_plain(element) for element in value] if isinstance(value, list) else value
