"""Plays the Django corpus through the installed ``moesifdjango``, as tests/parity/drive.py does for WSGI."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta
from typing import Any

from django.conf import settings

import django
from tests.gateway import make_environ
from tests.parity.django.corpus import EXCHANGES
from tests.parity.django.exchange import SESSION, DjangoExchange
from tests.parity.drive import Counting, Server
from tests.parity.exchange import CALL, Call

AROUND = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
OURS = "tests.parity.django.placed.placed"


def prepare() -> None:
    """Set up a Django project with a database, a user, and a session of that user."""
    settings.configure(
        SECRET_KEY="not a secret",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="tests.parity.django.views",
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.auth"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        USE_TZ=True,
        MOESIF_MIDDLEWARE={},
    )
    django.setup()
    from django.contrib import auth
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session
    from django.core.management import call_command
    from django.utils import timezone

    call_command("migrate", verbosity=0)
    ann = User.objects.create_user("ann")
    session = {
        auth.SESSION_KEY: str(ann.pk),
        auth.BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        auth.HASH_SESSION_KEY: ann.get_session_auth_hash(),
        "basket": 3,
    }
    Session.objects.create(
        session_key=SESSION,
        session_data=SessionStore().encode(session),
        expire_date=timezone.now() + timedelta(hours=1),
    )


class Player(Counting):
    """Plays each exchange through a project with the options of the exchange."""

    def __init__(self, base_uri: str, application_id: str) -> None:
        self.settings = {"APPLICATION_ID": application_id, "BASE_URI": base_uri}
        self.handlers: dict[str, Any] = {}

    def play(self, exchange: DjangoExchange) -> dict[str, Any]:
        """Play one exchange. Return what a server sees of it."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        handler = self._handler(exchange)
        self.call = call = Call(exchange)
        environ = make_environ(
            exchange.method, f"/exchange/{exchange.name}{exchange.path}", exchange.body, **exchange.variables
        )
        environ[CALL] = call
        if exchange.has_session:
            environ["HTTP_COOKIE"] = f"sessionid={SESSION}"
        server = Server(call)
        begin = time.time()
        with CaptureQueriesContext(connection) as queries:
            server.serve(handler, environ)
        end = time.time()
        self._deliver()
        return {
            "begin": begin,
            "end": end,
            "made_at": call.made_at,
            "seen": {
                "status": server.status,
                # In lower case. Vary is compared separately.
                "headers": [[name.lower(), text] for name, text in server.headers if name != "Vary"],
                "vary": next((text for name, text in server.headers if name == "Vary"), None),
                "body": b"".join(server.chunks).decode("latin-1"),
                "raised": server.raised,
                "journal": call.journal,
                "read": call.read.decode("latin-1"),
                "queries": len(queries),
                "calls": dict(call.calls),
                "notes": call.notes,
            },
        }

    def _handler(self, exchange: DjangoExchange) -> Any:
        key = repr((sorted(exchange.options.items(), key=lambda item: item[0]), exchange.has_users))
        if key not in self.handlers:
            from django.core.handlers.wsgi import WSGIHandler
            from django.test import override_settings

            options = self.counted(exchange.options)
            stack = [*(AROUND if exchange.has_users else []), OURS]
            with override_settings(MIDDLEWARE=stack, MOESIF_MIDDLEWARE={**self.settings, **options}):
                self.handlers[key] = WSGIHandler()
        return self.handlers[key]

    def _deliver(self) -> None:
        """Deliver all events now."""
        try:
            from moesif import flush
        except ImportError:
            from tests.parity.django.placed import MADE

            for middleware in MADE:
                middleware.job_scheduler.batch_events(
                    middleware.api_client, middleware.mo_events_queue, debug=False, batch_size=25
                )
        else:
            assert flush(20)


def main() -> None:
    """Play every exchange."""
    prepare()
    player = Player(*sys.argv[1:3])
    played = {exchange.name: player.play(exchange) for exchange in EXCHANGES}
    print(json.dumps({"pid": os.getpid(), "played": played, "following": 0}), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
