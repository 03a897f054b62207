"""Uses the helpers of Django's middleware outside of requests: in a management command or in a queue worker.

After `make build`, start the collector, then the program:

    target/release/moesif-collector
    .venv/bin/python -m examples.client.profiles

The helpers raise nothing; errors are logged on `moesif.client`. `MoesifAPIClient` (examples/client/app.py) raises.
"""

from __future__ import annotations

import logging
import os
from datetime import date
from typing import Any

import django
from moesifdjango.middleware import MoesifMiddleware

user: dict[str, Any] = {
    "user_id": "12345",
    "company_id": "67890",
    "campaign": {"utm_source": "google", "utm_medium": "cpc"},
    "metadata": {"email": "john@acmeinc.com", "sales_info": {"stage": "Customer", "lifetime_value": 24000}},
}
company: dict[str, Any] = {
    "company_id": "67890",
    "company_domain": "acmeinc.com",
    "metadata": {"org_name": "Acme, Inc", "demographics": {"employee_count": 47}},
}
subscription: dict[str, Any] = {
    "subscription_id": "sub_67890",
    "company_id": "67890",
    "status": "active",
    "metadata": {"plan_name": "Pro", "signup_date": date(2026, 11, 21), "mrr": 12000},
}


def main() -> None:
    # Without a view, the middleware only offers its helpers.
    middleware = MoesifMiddleware(None)

    middleware.update_user(user)
    middleware.update_users_batch([user, {**user, "user_id": "54321"}])

    middleware.update_company(company)
    middleware.update_companies_batch([company, {**company, "company_id": "09876"}])

    middleware.update_subscription(subscription)
    middleware.update_subscriptions_batch([subscription, {**subscription, "subscription_id": "sub_54321"}])

    # The status is missing: this is logged, and nothing is sent.
    middleware.update_subscription({"subscription_id": "sub_1", "company_id": "67890"})


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.django.settings")
    logging.basicConfig()
    django.setup()
    main()
