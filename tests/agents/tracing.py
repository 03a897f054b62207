"""How each agent is started, traces a WSGI application and a Django project, and removes what it has patched.

Each class runs in an environment that has its agent, and nothing of it needs a network.
"""

from __future__ import annotations

import importlib
from typing import Any


class Agent:
    """An agent. Traces the calls that a program makes with requests from ``start`` to ``stop``."""

    #: What a Django project adds to ``INSTALLED_APPS`` and to ``MIDDLEWARE``.
    apps: tuple[str, ...] = ()
    middlewares: tuple[str, ...] = ()

    def start(self) -> None:
        raise NotImplementedError

    def trace(self, application: Any) -> Any:
        """Wrap a WSGI application."""
        raise NotImplementedError

    def stop(self) -> None:
        """Remove what was patched in requests, if the agent can do that."""


class Ddtrace(Agent):
    def start(self) -> None:
        from ddtrace import patch
        from ddtrace.trace import TraceFilter, tracer

        class Dropping(TraceFilter):
            def process_trace(self, _trace: Any) -> None:
                return None

        tracer.configure(trace_processors=[Dropping()])
        patch(raise_errors=True, requests=True, django=True)

    def trace(self, application: Any) -> Any:
        from ddtrace.contrib.wsgi import DDWSGIMiddleware

        return DDWSGIMiddleware(application)

    def stop(self) -> None:
        importlib.import_module("ddtrace.contrib.internal.requests.patch").unpatch()


class Elastic(Agent):
    apps = ("elasticapm.contrib.django",)
    middlewares = ("elasticapm.contrib.django.middleware.TracingMiddleware",)

    def start(self) -> None:
        import elasticapm

        elasticapm.instrument()

    def trace(self, application: Any) -> Any:
        import elasticapm

        client = elasticapm.get_client() or elasticapm.Client()

        def traced(environ: Any, start_response: Any) -> Any:
            parent = elasticapm.trace_parent_from_string(environ["HTTP_TRACEPARENT"])
            client.begin_transaction("request", trace_parent=parent)
            try:
                return application(environ, start_response)
            finally:
                client.end_transaction("traced")

        return traced

    def stop(self) -> None:
        import elasticapm

        elasticapm.uninstrument()


class Newrelic(Agent):
    def start(self) -> None:
        import newrelic.agent

        newrelic.agent.initialize()
        newrelic.agent.register_application(timeout=30)

    def trace(self, application: Any) -> Any:
        import newrelic.agent

        return newrelic.agent.WSGIApplicationWrapper(application)


class Sentry(Agent):
    def start(self) -> None:
        import sentry_sdk
        from sentry_sdk.transport import Transport

        class Dropping(Transport):
            def capture_envelope(self, _envelope: Any) -> None:
                """Send nothing."""

        sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", traces_sample_rate=1.0, transport=Dropping)

    def trace(self, application: Any) -> Any:
        from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware

        return SentryWsgiMiddleware(application)


class OpenTelemetry(Agent):
    def start(self) -> None:
        from opentelemetry import trace
        from opentelemetry.instrumentation.django import DjangoInstrumentor
        from opentelemetry.instrumentation.requests import RequestsInstrumentor
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())
        RequestsInstrumentor().instrument()
        DjangoInstrumentor().instrument()

    def trace(self, application: Any) -> Any:
        from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

        return OpenTelemetryMiddleware(application)

    def stop(self) -> None:
        from opentelemetry.instrumentation.requests import RequestsInstrumentor

        RequestsInstrumentor().uninstrument()


AGENTS: dict[str, type[Agent]] = {
    "ddtrace": Ddtrace,
    "elastic": Elastic,
    "newrelic": Newrelic,
    "opentelemetry": OpenTelemetry,
    "sentry": Sentry,
}
