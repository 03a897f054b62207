"""Makes every call of the API client. Needs no middleware.

After `make build`, start the collector, then the program:

    target/release/moesif-collector
    .venv/bin/python -m examples.client.app

Then open http://127.0.0.1:9500/api/users/12345, /api/companies/67890, /api/subscriptions/sub_67890 and /api/actions.
"""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta, timezone
from typing import Any

from moesifapi.configuration import Configuration
from moesifapi.exceptions.api_exception import APIException
from moesifapi.models import (
    CampaignModel,
    CompanyModel,
    EventModel,
    EventRequestModel,
    EventResponseModel,
    SubscriptionModel,
    UserModel,
)
from moesifapi.moesif_api_client import MoesifAPIClient

# For every client of the program. Without it, and without MOESIF_BASE_URI, calls go to https://api.moesif.net.
Configuration.BASE_URI = os.environ.get("MOESIF_BASE_URI", "http://127.0.0.1:9500")

client = MoesifAPIClient(os.environ.get("MOESIF_APPLICATION_ID", "example"))
# A call waits at most this many seconds for its answer, retries included. The default is 30.
client.configuration.timeout = 20
api_client = client.api

NOW = datetime.now(timezone.utc)

# Only user_id is required. `metadata` may contain any JSON-like data, and dates.
user: dict[str, Any] = {
    "user_id": "12345",
    "company_id": "67890",
    "campaign": {
        "utm_source": "google",
        "utm_medium": "cpc",
        "utm_campaign": "adwords",
        "utm_term": "api+tooling",
        "utm_content": "landing",
    },
    "metadata": {
        "email": "john@acmeinc.com",
        "first_name": "John",
        "last_name": "Doe",
        "title": "Software Engineer",
        "signed_up": date(2026, 11, 21),
        "sales_info": {"stage": "Customer", "lifetime_value": 24000, "account_owner": "mary@contoso.com"},
    },
}

# Only company_id is required.
company: dict[str, Any] = {
    "company_id": "67890",
    "company_domain": "acmeinc.com",
    "campaign": {"utm_source": "google", "utm_medium": "cpc"},
    "metadata": {
        "org_name": "Acme, Inc",
        "plan_name": "Free",
        "deal_stage": "Lead",
        "mrr": 24000,
        "demographics": {"alexa_ranking": 500000, "employee_count": 47},
    },
}

# subscription_id, company_id and status are required.
subscription: dict[str, Any] = {
    "subscription_id": "sub_67890",
    "company_id": "67890",
    "status": "active",
    "current_period_start": NOW,
    "current_period_end": NOW + timedelta(days=30),
    "items": [{"plan_id": "pro", "price_id": "monthly"}],
    "metadata": {"plan_name": "Pro", "payment_method": "credit_card", "mrr": 12000, "currency": "USD"},
}

# An action is something that a user did outside of the API. action_name and the uri are required.
action: dict[str, Any] = {
    "action_name": "Clicked Sign Up",
    "user_id": "12345",
    "company_id": "67890",
    "metadata": {"button_label": "Get Started", "sign_up_method": "Google SSO"},
    "request": {"time": NOW, "uri": "https://acmeinc.com/get-started"},
}


def event(verb: str, status: int) -> EventModel:
    """Returns an API call that this program recorded by itself."""
    request = EventRequestModel(
        time=NOW,
        uri="https://api.acmeinc.com/items/42/reviews",
        verb=verb,
        headers={"Content-Type": "application/json"},
        body={"stars": 5},
    )
    response = EventResponseModel(time=NOW, status=status, headers={"Content-Type": "application/json"}, body={"id": 1})
    return EventModel(request, response, user_id="12345", company_id="67890", metadata={"example": True})


def update_users() -> None:
    api_client.update_user(user)
    # The collector merges what you send into what it has. This changes one entry of the metadata.
    api_client.update_user(UserModel("12345", metadata={"sales_info": {"stage": "Advocate"}}))
    mary = {**user, "user_id": "54321", "metadata": {"email": "mary@acmeinc.com", "first_name": "Mary"}}
    api_client.update_users_batch([user, mary])


def update_companies() -> None:
    api_client.update_company(company)
    campaign = CampaignModel(utm_source="newsletter")
    contoso = CompanyModel("09876", company_domain="contoso.com", campaign=campaign, metadata={"plan_name": "Free"})
    api_client.update_companies_batch([company, contoso])


def update_subscriptions() -> None:
    api_client.update_subscription(subscription)
    trial = SubscriptionModel("sub_54321", "09876", status="trialing", metadata={"plan_name": "Enterprise"})
    api_client.update_subscriptions_batch([subscription, trial])


def record_events_and_actions() -> None:
    headers = api_client.create_event(event("POST", 201))
    print("the configuration has version", headers["X-Moesif-Config-ETag"])
    # A batch is sent in as few requests as the limits of the API allow. An event that is sent twice is stored once.
    api_client.create_events_batch([event("GET", 200), event("DELETE", 204)])
    api_client.create_action(action)
    api_client.create_actions_batch([{**action, "action_name": name} for name in ("Viewed Pricing", "Signed Up")])


def ask() -> None:
    print("the collector is well:", client.health.get_health_probe().status)
    print("sampling rates and cohorts:", api_client.get_app_config().raw_body)
    print("governance rules:", api_client.get_governance_rules().raw_body)


def mistakes() -> None:
    try:
        api_client.update_user({"company_id": "67890"})
    except ValueError as error:
        print("not sent:", error)
    try:
        api_client.update_user({"user_id": "12345", "modified_time": "yesterday"})
    except APIException as error:
        print("refused with", error.response_code, "-", error)


if __name__ == "__main__":
    update_users()
    update_companies()
    update_subscriptions()
    record_events_and_actions()
    ask()
    mistakes()
