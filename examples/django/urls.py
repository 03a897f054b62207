from __future__ import annotations

from django.urls import path

from examples.django import views

urlpatterns = [
    path("login", views.enter),
    path("me", views.me),
    path("stream", views.stream),
    path("health/probe", views.health),
    path("users", views.users),
    path("users/<str:user_id>", views.user),
    path("companies", views.companies),
    path("companies/<str:company_id>", views.company),
]
