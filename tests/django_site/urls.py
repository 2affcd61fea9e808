"""The routes of the views in ``views``; a test with views of its own has its own routes."""

from __future__ import annotations

from django.urls import path

from . import views

urlpatterns = [
    path("def/<shape>", views.def_view),
    path("async/<shape>", views.async_view),
    path("decorated/def/<shape>", views.decorated_def_view),
    path("decorated/async/<shape>", views.decorated_async_view),
]
