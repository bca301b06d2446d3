"""Pages about people: login, set-up, account, workspaces."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
