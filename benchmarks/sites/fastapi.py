"""FastAPI with its own background tasks."""

from __future__ import annotations

from fastapi import FastAPI

from benchmarks.sites.fastapi_pages import add_pages

application = FastAPI()
add_pages(application)
