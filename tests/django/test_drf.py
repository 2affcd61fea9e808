"""Django REST framework: its views and serializers, and when one of them counts as raised."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from django.test import TestCase
from django.urls import path
from pytest_django import Settings

from bgtasks_adapters import (
    BackgroundTasks,
    MissingParameterError,
    NoActiveResponseError,
    drain,
)
from bgtasks_adapters.django import with_background_tasks
from tests.django_site.models import Note
from tests.django_site.notes import ran

from .exchange import PATIENCE, ask_asgi, ask_wsgi
from .installations import INSTALLATIONS, Installation, Interface, installed
from .recorder import Fate, Recorder

pytest.importorskip("rest_framework")

from rest_framework import generics, serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory

from . import rest_site

pytestmark = pytest.mark.urls(rest_site.__name__)

INTERFACES: tuple[Interface, ...] = ("wsgi", "asgi")
WITH_AMBIENT = [each for each in INSTALLATIONS if each != "decorator"]
REPLACE = "tests.django_site.middleware.replace"


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


def fates_after(
    url: str,
    installation: Installation,
    interface: Interface,
    method: str = "POST",
    **options: Any,
) -> tuple[int, list[Fate]]:
    recorder = Recorder()
    headers = {"Content-Type": "application/unheard-of", "Content-Length": "2"}
    ask: Any = ask_asgi if interface == "asgi" else ask_wsgi
    with installed(installation, interface, OBSERVERS=[recorder], **options) as app:
        reply = ask(app, url, method=method, headers=headers)
        assert drain(PATIENCE)
    return reply.status, recorder.fates


def client() -> Any:  # for type checkers its methods return what the request factory's do
    return APIClient()


def kinds(fates: list[Fate]) -> dict[str, str]:
    return {fate.name: fate.kind for fate in fates}


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    ("way", "installation"),
    [
        *[(way, each) for way in ("class", "function", "async") for each in WITH_AMBIENT],
        *[
            (f"decorated/{way}", each)
            for way in ("class", "function", "dispatch")
            for each in INSTALLATIONS
        ],
    ],
)
@pytest.mark.parametrize("shape", rest_site.SHAPES)
def test_what_counts_as_raised(
    shape: str, way: str, installation: Installation, interface: Interface
) -> None:
    """A view that raised what the framework answers did not return; one that returns 400 did."""
    status, fates = fates_after(f"/{way}/{shape}", installation, interface)
    has_returned = rest_site.SHAPES[shape] in rest_site.RETURNING
    (fate,) = fates
    assert (fate.kind, fate.returned) == (
        ("succeeded", True) if has_returned else ("skipped", False)
    )
    if installation != "decorator":  # which sees no response that others made
        assert fate.status == status
    assert has_returned or status >= 400


def test_the_reason_that_is_given() -> None:
    """The error is named where a decorator saw it; else the status that the framework gave it."""
    _, (seen,) = fates_after("/decorated/class/raises_invalid", "boundary", "wsgi")
    _, (unseen,) = fates_after("/class/raises_invalid", "boundary", "wsgi")
    assert seen.reason == "the view raised ValidationError"
    assert unseen.reason == "the response had the status 400"


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("installation", WITH_AMBIENT)
@pytest.mark.parametrize(
    ("url", "status"), [("/refused", 403), ("/throttled", 429), ("/unauthenticated", 401)]
)
def test_what_refuses_a_request(
    url: str, status: int, installation: Installation, interface: Interface
) -> None:
    """What permissions, throttles and authenticators add before they refuse does not run."""
    answered, (fate,) = fates_after(url, installation, interface)
    assert (answered, fate.kind) == (status, "skipped")


@pytest.mark.parametrize("installation", WITH_AMBIENT)
def test_a_task_of_when_always(installation: Installation) -> None:
    """Tasks for "always" run behind a view that raised, here as everywhere."""
    status, (fate,) = fates_after("/class/raises_invalid", installation, "wsgi", WHEN="always")
    assert (status, fate.kind) == (400, "succeeded")


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("installation", WITH_AMBIENT)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_exception_handler_of_the_project(
    method: str, installation: Installation, interface: Interface
) -> None:
    """A handler's own response, of whatever kind and status, is marked as well. What it adds itself
    is judged by its response where a decorator saw the view raise, else together with the view."""
    status, fates = fates_after("/failing", installation, interface, method)
    seen_at_once = method == "POST"
    assert status == 200
    assert kinds(fates) == {
        "view": "skipped",
        "handler": "succeeded" if seen_at_once else "skipped",
    }
    if not seen_at_once:
        assert fates[0].reason == "the view raised, and its framework answered with the status 200"


@pytest.mark.parametrize(
    ("installation", "kind"), [("boundary", "skipped"), ("middleware", "succeeded")]
)
def test_a_middleware_that_replaces_the_response(installation: Installation, kind: str) -> None:
    """The boundary sees the view's own response; the middleware one that comes through to it."""
    with installed(
        installation, "wsgi", middleware=[REPLACE], OBSERVERS=[recorder := Recorder()]
    ) as app:
        assert ask_wsgi(app, "/class/raises_invalid", method="POST").status == 202
        (fate,) = recorder.wait_for(1)
    assert fate.kind == kind


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_middleware")
@pytest.mark.parametrize(
    ("method", "url", "data", "status", "expected"),
    [
        ("post", "/generic", {"text": "a"}, 201, ["created a", "performed a"]),
        ("post", "/generic", {}, 400, []),
        ("get", "/generic", {}, 200, []),
        ("post", "/notes/", {"text": "b"}, 201, ["created b"]),
        ("put", "/notes/{pk}/", {"text": "c"}, 200, ["updated c"]),
        ("patch", "/notes/{pk}/", {"text": "d"}, 200, ["updated d"]),
        ("post", "/notes/{pk}/publish/", {}, 200, ["published {pk}"]),
        ("post", "/notes/publish-all/", {}, 200, ["published all"]),
        ("delete", "/notes/publish-all/", {}, 200, ["withdrew all"]),
        ("put", "/notes/publish-all/", {}, 405, []),
        ("get", "/greetings/", {}, 200, ["listed"]),
        ("get", "/greetings/invalid/", {}, 400, []),
    ],
)
def test_generic_views_viewsets_and_actions(
    method: str, url: str, data: Any, status: int, expected: list[str]
) -> None:
    """Serializers, ``perform_create``, viewsets, and actions decorated in either order."""
    pk = Note.objects.create(text="old").pk
    response = getattr(client(), method)(url.format(pk=pk), data, format="json")
    assert response.status_code == status
    assert drain(PATIENCE)
    assert ran == [text.format(pk=pk) for text in expected]


@pytest.mark.usefixtures("_middleware")
def test_a_body_that_cannot_be_parsed() -> None:
    """A ParseError is raised within the view, where the body is read: its tasks do not run."""
    response = client().post("/class/returns", "{", content_type="application/json")
    assert (response.status_code, response.json()) == (200, "done")  # it does not read the body
    response = client().post("/class/raises_parse_error", "{", content_type="application/json")
    assert response.status_code == 400
    assert drain(PATIENCE)
    assert ran == ["returns"]


class InTestCase(TestCase):
    """``APIClient`` in a ``TestCase``: tasks have run when it returns."""

    def test_tasks_run_inline(self) -> None:
        response = client().post("/notes/", {"text": "inline"}, format="json")
        assert response.status_code == 201
        assert ran == ["created inline"]


@pytest.mark.usefixtures("alone")
def test_the_request_factory() -> None:
    """Nobody but the test closes a request that a factory made, and that starts its tasks."""
    request = APIRequestFactory().post("/", {}, format="json")
    response = rest_site.DecoratedByClass.as_view()(request, shape="returns")
    assert (response.status_code, ran) == (200, [])
    request.close()
    assert drain(PATIENCE)
    assert ran == ["returns"]


@pytest.mark.usefixtures("_middleware")
def test_the_exception_handler_of_the_settings(settings: Settings) -> None:
    """The setting EXCEPTION_HANDLER is called as ever, and its response counts as marked."""
    settings.REST_FRAMEWORK = {"EXCEPTION_HANDLER": f"{__name__}.answer_418"}
    assert client().post("/class/raises_invalid").status_code == 418
    assert drain(PATIENCE)
    assert ran == []


def answer_418(exc: Exception, context: dict[str, Any]) -> Response:
    return Response("a teapot", status=418)


@pytest.mark.usefixtures("alone")
def test_perform_create_without_a_response_to_add_to() -> None:
    """With the decorator alone a method that takes no request is refused before it runs."""
    request = APIRequestFactory().post("/", {"text": "x"}, format="json")
    with pytest.raises(NoActiveResponseError):
        rest_site.Notes.as_view()(request)


def test_the_decorator_above_api_view_is_refused() -> None:
    """Above ``@api_view`` nothing could be filled in: an error when the module is imported."""

    def view(request: Any, tasks: BackgroundTasks) -> Response:
        return Response()

    with pytest.raises(MissingParameterError, match="below @api_view"):
        with_background_tasks(api_view(["GET"])(view))
    with pytest.raises(MissingParameterError, match="below @api_view"):
        with_background_tasks(rest_site.DecoratedByClass.as_view())
    with pytest.raises(MissingParameterError, match="on the method"):
        with_background_tasks(rest_site.NoteViewSet.as_view({"get": "list"}))


def test_routers_find_the_actions() -> None:
    """Decorated actions have their routes, names and methods, in either order of decorators."""
    routes = {
        (url.name, str(url.pattern))
        for url in rest_site.router.urls
        if "format" not in str(url.pattern)
    }
    assert {
        ("note-publish", "^notes/(?P<pk>[^/.]+)/publish/$"),
        ("note-publish-all", "^notes/publish-all/$"),
    } <= routes
    actions = {action.__name__ for action in rest_site.NoteViewSet.get_extra_actions()}
    assert actions == {"publish", "publish_all"}
    assert "tasks" not in inspect.signature(rest_site.NoteViewSet.publish).parameters


def test_the_schema_is_the_same_without_the_parameter() -> None:
    """drf-spectacular, which many projects make their schema with, sees no difference."""
    generators: Any = pytest.importorskip("drf_spectacular.generators")
    openapi: Any = pytest.importorskip("drf_spectacular.openapi")

    class Serializer(serializers.Serializer):
        text = serializers.CharField()

    class View(generics.GenericAPIView):
        schema = openapi.AutoSchema()
        serializer_class = Serializer
        queryset = Note.objects.all()

    class Plain(View):
        def post(self, request: Request, number: int) -> Response:
            """Post a note."""
            return Response()

    class Decorated(View):
        @with_background_tasks
        def post(self, request: Request, number: int, tasks: BackgroundTasks) -> Response:
            """Post a note."""
            return Response()

    def schema_of(view: Any) -> Any:
        patterns = [path("notes/<int:number>", view.as_view())]
        return generators.SchemaGenerator(patterns=patterns).get_schema(public=True)

    plain = schema_of(Plain)
    parameters = plain["paths"]["/notes/{number}"]["post"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["number"]
    assert schema_of(Decorated) == plain


@pytest.fixture
def _middleware(settings: Settings) -> None:
    settings.BGTASKS = {}
