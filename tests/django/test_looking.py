"""Looking at arguments touches nothing: no query, no evaluation, whatever is passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import path
from django.utils.functional import SimpleLazyObject

from bgtasks_adapters import add_task, drain

from .exchange import PATIENCE

makers: list[Callable[[], Any]] = []
evaluated: list[str] = []


def user() -> AnonymousUser:
    evaluated.append("user")
    return AnonymousUser()


def ignore(*args: object, **kwargs: object) -> None:
    pass


def view(request: HttpRequest) -> HttpResponse:
    add_task(ignore, makers[-1]())
    add_task(ignore, [makers[-1]()], key={"a": makers[-1]()})
    return HttpResponse()


async def async_view(request: HttpRequest) -> HttpResponse:
    return view(request)


urlpatterns = [path("def", view), path("async", async_view)]

pytestmark = [
    pytest.mark.urls(__name__),
    pytest.mark.filterwarnings("default::UserWarning"),
]


@pytest.fixture(autouse=True)
def nothing_made() -> Iterator[None]:
    evaluated.clear()
    yield
    makers.clear()


def test_a_lazy_user_is_not_evaluated() -> None:
    """A lazy object, which request.user is, stays as it was passed."""
    makers.append(lambda: SimpleLazyObject(user))
    assert Client().get("/def").status_code == 200
    assert drain(PATIENCE)
    assert evaluated == []
