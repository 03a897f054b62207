"""Settings that work in every Django from 1.9 on. Tests override them through the environment."""

from __future__ import annotations

import os

import django

SECRET_KEY = "not a secret"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.django.project.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.auth", "moesifdjango"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("TEST_DATABASE", ":memory:"),
        "TEST": {"NAME": None},
    }
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
OURS = {
    True: "moesifdjango.middleware_pre19.MoesifMiddlewarePre19",
    False: "moesifdjango.middleware.moesif_middleware",
}[django.VERSION < (1, 10)]
AROUND = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
MIDDLEWARE = MIDDLEWARE_CLASSES = [*AROUND, OURS] if os.environ.get("TEST_BARE") is None else AROUND
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {}}]
# Servers in other processes get their options from the environment.
MOESIF_MIDDLEWARE: dict[str, object] = {}
