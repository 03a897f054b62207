"""Functions for the options of a Django project."""

from __future__ import annotations

from typing import Any


def documented_identify_user(req: Any, _res: Any) -> str | None:
    if req.user and req.user.is_authenticated:
        name: str = req.user.username
        return name
    return None


def documented_skip(req: Any, _res: Any) -> bool:
    return "health/probe" in req.path


def user_from_status(_request: Any, response: Any) -> str:
    return f"status {response.status_code}"


def user_from_header(request: Any, _response: Any) -> str:
    return str(request.META["HTTP_X_USER"])


def reading_the_body(request: Any, _response: Any) -> str:
    return str(request.body.decode() or "nothing to read")


def setting_a_header(_request: Any, response: Any) -> None:
    response["X-By-Function"] = "1"


def metadata(request: Any, response: Any) -> dict[str, Any]:
    return {"path": request.path, "status": response.status_code}
