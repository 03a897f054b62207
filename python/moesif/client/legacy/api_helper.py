"""What else code written for moesifapi finds there: small tools that the calls themselves do not need."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlencode, urlsplit

from moesif import _native
from moesif.client.calls import Asked, Told
from moesif.client.collector import Collector
from moesif.client.configuration import Configuration
from moesif.client.documents import MOST_BYTES
from moesif.client.exchange import APIException, HttpClient, HttpContext, HttpMethodEnum, HttpRequest, HttpResponse
from moesif.client.waiting import wait
from moesif.made_once import made_once
from moesif.models import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moesif.client.controllers import ApiController
    from moesif.client.documents import Document, Documents
    from moesif.client.waiting import Outcome

__all__ = ["APIHelper", "Company", "RequestsClient", "User", "lazy_property"]

_logger = logging.getLogger("moesif.client")

#: A property that is computed once for each object.
lazy_property = made_once


class APIHelper:
    """JSON, addresses and forms."""

    @staticmethod
    def json_serialize(obj: Any) -> str | None:
        """Return the JSON text of a model, of a list with models in it, or of plain data; ``None`` for ``None``."""
        if obj is None:
            return None
        plain = _plain(obj)
        # The writer takes objects: what is none goes into one, and out again.
        return _native.document_json({"": plain}, MOST_BYTES)[4:-1]

    @staticmethod
    def json_deserialize(json_str: str | bytes | None, unboxing_function: Callable[[Any], Any] | None = None) -> Any:
        """Return the value of JSON text, each element of it handed to the function; text that is no JSON as it is."""
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
        """Put values in the place of ``{name}``, escaped; the elements of a list with slashes between them."""
        if url is None:
            message = "the URL is None"
            raise ValueError(message)
        for name, value in (parameters or {}).items():
            elements = value if isinstance(value, list) else [] if value is None else [value]
            url = url.replace(f"{{{name}}}", "/".join(quote(str(element), safe="") for element in elements))
        return url

    @staticmethod
    def clean_url(url: str) -> str:
        """Remove repeated slashes from the path. Raises ``ValueError`` for what is no http(s) address."""
        origin = re.match("https?://[^/]+", url)
        if origin is None:
            message = "Invalid Url format."
            raise ValueError(message)
        path, question_mark, query = url[origin.end() :].partition("?")
        return origin[0] + re.sub("/+", "/", path) + question_mark + query

    @staticmethod
    def form_encode_parameters(form_parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a form for values that may be nested: ``a[b][0]``."""
        fields: dict[str, Any] = {}
        for name, value in form_parameters.items():
            fields.update(APIHelper.form_encode(value, name))
        return fields

    @staticmethod
    def form_encode(obj: Any, instance_name: str) -> dict[str, Any]:
        """Return the fields of a form for one value under this name; none for ``None``."""
        plain = _plain(obj)
        if plain is None:
            return {}
        if not isinstance(plain, (list, dict)):
            return {instance_name: plain}
        items = enumerate(plain) if isinstance(plain, list) else plain.items()
        return APIHelper.form_encode_parameters({f"{instance_name}[{key}]": value for key, value in items})


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.to_dictionary()
    return [_plain(element) for element in value] if isinstance(value, list) else value


class RequestsClient(HttpClient):
    """Makes requests with the native core, as a controller that is given no ``http_client`` does by itself."""

    def execute_as_string(self, request: HttpRequest) -> HttpResponse:
        """Make a GET, or a POST of JSON text.

        Raises ``APIConnectionError`` when no answer comes, ``NotImplementedError`` for any other method.
        """
        outcome = _execute(request)
        return HttpResponse.of(outcome.status, outcome.fields, outcome.body)

    def execute_as_binary(self, request: HttpRequest) -> HttpResponse:
        """Do the same, with bytes in ``raw_body``."""
        outcome = _execute(request)
        response: Any = HttpResponse.of(outcome.status, outcome.fields, b"")
        response.raw_body = outcome.body
        return cast("HttpResponse", response)


def _execute(request: HttpRequest) -> Outcome:
    if request.http_method not in {HttpMethodEnum.GET, HttpMethodEnum.POST}:
        message = f"the API has no {request.http_method}: GET and POST can be made"
        raise NotImplementedError(message)
    parts = urlsplit(request.query_url)
    queries = (parts.query, urlencode(request.query_parameters or {}, doseq=True))
    query = "&".join(text for text in queries if text)
    application_id = dict(request.headers or {}).get("X-Moesif-Application-Id") or Configuration.application_id
    configuration = Configuration(BASE_URI=f"{parts.scheme}://{parts.netloc}", application_id=application_id)
    document = request.parameters if request.http_method == HttpMethodEnum.POST else None
    outcome = wait(Collector(configuration).call(Asked(f"{parts.path}?{query}" if query else parts.path, document)))
    if not outcome.status:
        Told(HttpContext(request, None), outcome.problem).response()
    return outcome


class User:
    """Updates of users that log what goes wrong."""

    def update_user(self, user_profile: Document, api_client: ApiController, DEBUG: object = None) -> None:  # noqa: ARG002, N803 - moesifapi's
        """Update a user."""
        _logged("user", lambda: api_client.update_user(user_profile))

    def update_users_batch(self, user_profiles: Documents, api_client: ApiController, DEBUG: object = None) -> None:  # noqa: ARG002, N803 - moesifapi's
        """Update users."""
        _logged("user", lambda: api_client.update_users_batch(user_profiles))


class Company:
    """Updates of companies that log what goes wrong."""

    def update_company(self, company_profile: Document, api_client: ApiController, DEBUG: object = None) -> None:  # noqa: ARG002, N803 - moesifapi's
        """Update a company."""
        _logged("company", lambda: api_client.update_company(company_profile))

    def update_companies_batch(
        self,
        company_profiles: Documents,
        api_client: ApiController,
        DEBUG: object = None,  # noqa: ARG002, N803 - moesifapi's
    ) -> None:
        """Update companies."""
        _logged("company", lambda: api_client.update_companies_batch(company_profiles))


def _logged(noun: str, update: Callable[[], None]) -> None:
    try:
        update()
    except (APIException, TypeError, ValueError) as error:
        _logger.error("updating %s profiles: %s", noun, error)  # noqa: TRY400 - its traceback tells nothing
