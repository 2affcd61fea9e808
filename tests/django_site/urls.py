"""The routes are made by each test, with ``override_settings(ROOT_URLCONF=...)``."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
