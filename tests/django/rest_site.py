"""Views of Django REST framework that end in every way in which one can end.

Each adds a task named after what it does: the plain ones by ``add_task()``, and those below
``decorated/`` to their parameter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.urls import include, path

from bgtasks_adapters import BackgroundTasks, add_task, get_background_tasks
from bgtasks_adapters.django import with_background_tasks
from tests.django_site.models import Note
from tests.django_site.notes import note

pytest.importorskip("rest_framework")

from rest_framework import (
    authentication,
    decorators,
    exceptions,
    generics,
    permissions,
    renderers,
    routers,
    serializers,
    throttling,
    views,
    viewsets,
)
from rest_framework.request import Request
from rest_framework.response import Response


def returns(request: Request) -> Response:
    return Response("done")


def returns_400(request: Request) -> Response:
    return Response("bad", status=400)


def raises_invalid(request: Request) -> Response:
    raise exceptions.ValidationError("invalid")


def raises_not_found(request: Request) -> Response:
    raise Http404


def raises_denied(request: Request) -> Response:
    raise PermissionDenied


def raises_parse_error(request: Request) -> Response:
    request.data  # noqa: B018  # of a type that no parser takes
    return Response("not reached")


def raises_unhandled(request: Request) -> Response:
    raise LookupError


RETURNING: tuple[Callable[[Request], Response], ...] = (returns, returns_400)
RAISING: tuple[Callable[[Request], Response], ...] = (
    raises_invalid,
    raises_not_found,
    raises_denied,
    raises_parse_error,
    raises_unhandled,
)
SHAPES = {shape.__name__: shape for shape in (*RETURNING, *RAISING)}


class Plain(views.APIView):
    """What the other class-based views have in common: JSON, and nobody has to log in."""

    renderer_classes = (renderers.JSONRenderer,)
    authentication_classes: Any = ()


class ByClass(Plain):
    def post(self, request: Request, shape: str) -> Response:
        get_background_tasks().using(name="view").add_task(note, shape)
        return SHAPES[shape](request)


class DecoratedByClass(Plain):
    @with_background_tasks
    def post(self, request: Request, shape: str, tasks: BackgroundTasks) -> Response:
        tasks.using(name="view").add_task(note, shape)
        return SHAPES[shape](request)


class DecoratedDispatch(Plain):
    @with_background_tasks
    def dispatch(self, request: Any, *args: Any, tasks: BackgroundTasks, **kwargs: Any) -> Any:
        tasks.using(name="view").add_task(note, "dispatch")
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: Request, shape: str) -> Response:
        return SHAPES[shape](request)


@decorators.api_view(["POST"])
@decorators.authentication_classes([])
@decorators.renderer_classes([renderers.JSONRenderer])
def by_function(request: Request, shape: str) -> Response:
    get_background_tasks().using(name="view").add_task(note, shape)
    return SHAPES[shape](request)


@decorators.api_view(["POST"])
@decorators.authentication_classes([])
@with_background_tasks
@decorators.renderer_classes([renderers.JSONRenderer])
def decorated_by_function(request: Request, shape: str, tasks: BackgroundTasks) -> Response:
    tasks.using(name="view").add_task(note, shape)
    return SHAPES[shape](request)


async def by_async(request: HttpRequest, shape: str) -> HttpResponseBase:
    """Answer with what a view of the framework returns, as its async extensions do."""
    view: Callable[..., HttpResponseBase] = ByClass.as_view()
    return await sync_to_async(view)(request, shape=shape)


by_async.csrf_exempt = True  # type: ignore[attr-defined]


# What fails before the view's own method is called.


class Refusing(permissions.BasePermission):
    def has_permission(self, request: Request, view: views.APIView) -> Any:
        add_task(note, "permission")
        return False


class Throttling(throttling.BaseThrottle):
    def allow_request(self, request: Request, view: views.APIView) -> bool:
        add_task(note, "throttle")
        return False


class Unauthenticated(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> None:
        add_task(note, "authentication")
        raise exceptions.AuthenticationFailed

    def authenticate_header(self, request: Request) -> Any:
        return "Basic"


class Answering(Plain):
    def post(self, request: Request) -> Response:
        return Response("done")


class Failing(Plain):
    """Its own exception handler answers with 200, and adds a task, which is the handler's."""

    def get_exception_handler(self) -> Any:
        def handle(exc: Exception, context: dict[str, Any]) -> JsonResponse:
            get_background_tasks().using(name="handler").add_task(note, "handler")
            return JsonResponse({"code": "invalid"})

        return handle

    @with_background_tasks
    def post(self, request: Request, tasks: BackgroundTasks) -> Response:
        tasks.using(name="view").add_task(note, "view")
        raise exceptions.ValidationError("invalid")

    def put(self, request: Request) -> Response:
        get_background_tasks().using(name="view").add_task(note, "view")
        raise exceptions.ValidationError("invalid")


# Generic views and viewsets.


class NoteSerializer(serializers.ModelSerializer):
    class Meta:
        model = Note
        fields = ("id", "text")

    def create(self, validated_data: Any) -> Note:
        add_task(note, f"created {validated_data['text']}")
        return super().create(validated_data)  # type: ignore[no-any-return,unused-ignore]

    def update(self, instance: Note, validated_data: Any) -> Note:
        add_task(note, f"updated {validated_data['text']}")
        return super().update(instance, validated_data)  # type: ignore[no-any-return,unused-ignore]


class Notes(generics.ListCreateAPIView):
    renderer_classes = (renderers.JSONRenderer,)
    authentication_classes: Any = ()
    queryset = Note.objects.order_by("id")
    serializer_class = NoteSerializer

    @with_background_tasks
    def perform_create(self, serializer: Any, tasks: BackgroundTasks) -> None:
        serializer.save()
        tasks.add_task(note, f"performed {serializer.data['text']}")


class NoteViewSet(viewsets.ModelViewSet):
    renderer_classes = (renderers.JSONRenderer,)
    authentication_classes: Any = ()
    queryset = Note.objects.order_by("id")
    serializer_class = NoteSerializer

    @with_background_tasks
    @decorators.action(detail=True, methods=["post"])
    def publish(self, request: Request, tasks: BackgroundTasks, pk: str) -> Response:
        tasks.add_task(note, f"published {pk}")
        return Response("published")

    @decorators.action(detail=False, methods=["post"], url_path="publish-all")
    @with_background_tasks
    def publish_all(self, request: Request, tasks: BackgroundTasks) -> Response:
        """Publish every note."""
        tasks.add_task(note, "published all")
        return Response("published")

    @publish_all.mapping.delete  # type: ignore[attr-defined, unused-ignore]
    @with_background_tasks
    def withdraw_all(self, request: Request, tasks: BackgroundTasks) -> Response:
        tasks.add_task(note, "withdrew all")
        return Response("withdrawn")


class GreetingViewSet(viewsets.ViewSet):
    renderer_classes = (renderers.JSONRenderer,)
    authentication_classes: Any = ()

    @with_background_tasks
    def list(self, request: Request, tasks: BackgroundTasks) -> Response:
        tasks.add_task(note, "listed")
        return Response(["hello"])

    @decorators.action(detail=False)
    def invalid(self, request: Request) -> Response:
        add_task(note, "invalid")
        raise exceptions.ValidationError("invalid")


router = routers.DefaultRouter()
router.register("notes", NoteViewSet)
router.register("greetings", GreetingViewSet, basename="greeting")

urlpatterns = [
    path("class/<shape>", ByClass.as_view()),
    path("function/<shape>", by_function),
    path("async/<shape>", by_async),
    path("decorated/class/<shape>", DecoratedByClass.as_view()),
    path("decorated/function/<shape>", decorated_by_function),
    path("decorated/dispatch/<shape>", DecoratedDispatch.as_view()),
    path("refused", Answering.as_view(permission_classes=[Refusing])),
    path("throttled", Answering.as_view(throttle_classes=[Throttling])),
    path("unauthenticated", Answering.as_view(authentication_classes=[Unauthenticated])),
    path("failing", Failing.as_view()),
    path("generic", Notes.as_view()),
    path("", include(router.urls)),
]
