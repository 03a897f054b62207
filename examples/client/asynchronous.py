"""Makes calls of the API from asyncio: many at once, without blocking the event loop.

After `make build`, start the collector, then the program:

    target/release/moesif-collector
    .venv/bin/python -m examples.client.asynchronous
"""

from __future__ import annotations

import asyncio
import os

from moesif.client import APIConnectionError, AsyncClient, Configuration

client = AsyncClient(
    os.environ.get("MOESIF_APPLICATION_ID", "example"),
    Configuration(BASE_URI=os.environ.get("MOESIF_BASE_URI", "http://127.0.0.1:9500")),
)


async def main() -> None:
    await asyncio.gather(
        client.update_company({"company_id": "67890", "company_domain": "acmeinc.com"}),
        client.update_subscription({"subscription_id": "sub_1", "company_id": "67890", "status": "active"}),
        *(client.update_user({"user_id": str(number), "company_id": "67890"}) for number in range(100)),
    )
    status = await client.get_health_probe()
    print("the collector is well:", status.status)
    # A timeout of asyncio works too: a cancelled call is not tried again.
    try:
        await asyncio.wait_for(client.update_users_batch([{"user_id": "100"}, {"user_id": "101"}]), timeout=10)
    except (APIConnectionError, asyncio.TimeoutError) as error:
        print("not updated:", error)


if __name__ == "__main__":
    asyncio.run(main())
