"""Models: import paths of moesifapi, order of arguments, conversion to dictionaries."""

from __future__ import annotations

import datetime as dt
import importlib
from typing import Any

import pytest

import moesif.models
import moesifapi
import moesifapi.models
from moesifapi.models.user_model import UserModel

MODELS = {
    "EventModel": (
        *("request", "response", "session_token", "tags", "user_id", "company_id", "metadata", "direction"),
        *("weight", "blocked_by", "transaction_id"),
    ),
    "EventRequestModel": ("time", "uri", "verb", "headers", "api_version", "ip_address", "body", "transfer_encoding"),
    "EventResponseModel": ("time", "status", "headers", "body", "ip_address", "transfer_encoding"),
    "UserModel": (
        *("user_id", "company_id", "modified_time", "ip_address", "session_token", "user_agent_string", "metadata"),
        "campaign",
    ),
    "CompanyModel": (
        *("company_id", "company_domain", "modified_time", "ip_address", "session_token", "metadata"),
        "campaign",
    ),
    "SubscriptionModel": (
        *("subscription_id", "company_id", "current_period_start", "current_period_end", "status", "metadata"),
        "items",
    ),
    "CampaignModel": (
        *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "referrer", "referring_domain"),
        "gclid",
    ),
    "StatusModel": ("status", "region"),
    "BaseModel": (),
}


def _module_name(name: str) -> str:
    """Return the module of moesifapi that contains a class: EventRequestModel is in event_request_model."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")


@pytest.mark.parametrize("name", MODELS)
def test_import_paths_name_the_same_class(name: str) -> None:
    model = getattr(moesif.models, name)
    assert getattr(importlib.import_module(f"moesifapi.models.{_module_name(name)}"), name) is model
    names: dict[str, Any] = {}
    exec("from moesifapi.models import *", names)
    assert names[name] is model
    assert getattr(moesifapi, name) is model


@pytest.mark.parametrize("name", MODELS)
def test_constructor_takes_attributes_in_the_documented_order(name: str) -> None:
    attributes = MODELS[name]
    model = getattr(moesif.models, name)(*attributes)
    for attribute in attributes:
        assert getattr(model, attribute) == attribute
    assert [key for key in model.to_dictionary() if key != "content_length"] == list(attributes)


def test_model_from_a_dictionary_with_models_dates_and_unknown_names() -> None:
    moment = dt.datetime(2026, 11, 21, tzinfo=dt.timezone.utc)
    user = UserModel.from_dictionary(
        {"user_id": "1", "modified_time": moment, "campaign": {"gclid": "g"}, "something": "else"}
    )
    assert isinstance(user.campaign, moesifapi.models.CampaignModel)
    assert user.modified_time is moment
    assert user.to_dictionary()["campaign"]["gclid"] == "g"
    assert user.to_dictionary()["metadata"] is None
    assert user.supplied() == {"user_id": "1", "modified_time": moment, "campaign": {"gclid": "g"}}
    assert UserModel.from_dictionary(None) is None
