"""The Flask adapter: one call of ``init_app``, and the view decorator."""

from __future__ import annotations

import sys
import threading
from contextlib import nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from flask import after_this_request, current_app, g, has_request_context, request, session
from werkzeug.datastructures import FileStorage
from werkzeug.local import LocalProxy

from bgtasks_adapters.ambient import get_background_tasks, use_tasks
from bgtasks_adapters.callables import is_async_callable
from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.events import logger
from bgtasks_adapters.exceptions import UnsafeArgumentError
from bgtasks_adapters.injection import inject
from bgtasks_adapters.settings import Settings
from bgtasks_adapters.wsgi import Boundary, close_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from flask import Flask, Response

    from bgtasks_adapters.dispatch import View
    from bgtasks_adapters.tasks import BackgroundTask, BackgroundTasks

__all__ = ["init_app", "with_background_tasks"]

F = TypeVar("F", bound="Callable[..., Any]")

_EXTENSION = "bgtasks_adapters"
_PREFIX = "BGTASKS_"


def init_app(app: Flask, **settings: Any) -> None:
    """Run the tasks of each response of a Flask application once the server has the response.

    ``add_task()`` then works in views, blueprints, error handlers and request hooks, sync and
    async. Each task has an application context of its own. The keywords are the fields of
    ``Settings``; they win over ``BGTASKS_*`` in ``app.config``, which is read here. Call it once,
    before the first request; other WSGI middleware may be put around it.
    """
    if _EXTENSION in app.extensions:
        raise RuntimeError(f"bgtasks_adapters.flask.init_app was called before on {app.name!r}.")
    app.extensions[_EXTENSION] = _settings_of(app, settings)
    app.wsgi_app = Boundary(  # type: ignore[method-assign]
        _WatchedApp(app), app.extensions[_EXTENSION], FlaskContext(app)
    )


def _settings_of(app: Flask, keywords: dict[str, Any]) -> Settings:
    known = app.extensions.get(_EXTENSION)
    if known is not None:
        return known  # type: ignore[no-any-return]
    values = {
        name.removeprefix(_PREFIX).lower(): value
        for name, value in app.config.items()
        if name.startswith(_PREFIX)
    }
    configured = Settings.from_mapping(values, spelled=lambda name: _PREFIX + name.upper())
    return Settings.from_mapping({**values, **keywords}) if keywords else configured


def with_background_tasks(func: F) -> F:
    """Give a view its parameter annotated ``BackgroundTasks``; the tasks run after the response.

    For views, ``def`` and ``async def``, and for helpers below a view, which get the view's own
    collection. Put it under ``@app.route``. Works without ``init_app``, too, save that a client
    that leaves early, or another ``call_on_close`` function that raises, may keep tasks back.

    Raises ``MissingParameterError`` where no parameter has the annotation and, when it is called
    with no response around it, ``NoActiveResponseError``.
    """
    return inject(func, _Call)  # type: ignore[return-value]


class _Call:
    """One call of a decorated function: of a view, or of a helper below one."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._owned: _OwnedScope | None = None
        self._view: View | None = None

    def __enter__(self) -> BackgroundTasks:
        if not has_request_context():
            return get_background_tasks()
        scope: ResponseScope | None = request.environ.get(SCOPE_KEY)
        if scope is None:
            self._owned = _OwnedScope()
            scope = self._owned.scope
            self._view = scope.view()
            self._view.__enter__()
            self._using = use_tasks(scope.tasks)
            self._using.__enter__()
        return scope.tasks

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self._view is not None:
            self._using.__exit__()
            self._view.__exit__(kind, error, traceback)

    def returned(self, result: Any) -> None:
        """Nothing to do: the response is still to be made from what a Flask view returns."""


class _OwnedScope:
    """The scope of a response in an application without ``init_app``."""

    def __init__(self) -> None:
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        self.scope = ResponseScope(_settings_of(app, {}), FlaskContext(app))
        self._environ = request.environ
        self._environ[SCOPE_KEY] = self.scope
        self._status: int | None = None
        after_this_request(self._attach)

    def _attach(self, response: Response) -> Response:
        self._status = response.status_code
        if response.direct_passthrough:  # a file: Werkzeug calls nothing at its end
            response.response = close_after(
                response.response,  # type: ignore[arg-type]
                self._environ,
                self.scope,
                self._end,
            )
        else:
            response.call_on_close(self._end)
        return response

    def _end(self, **outcome: Any) -> None:
        self.scope.end(status=self._status, **outcome)


class _WatchedApp:
    """Flask's WSGI application, its views registered anew so that their fate is seen.

    Flask turns ``abort()`` into a response before anybody else can see it. Once, before the first
    request and after the last route was added.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._wsgi_app: WSGIApplication = app.wsgi_app
        self._lock = threading.Lock()
        self._is_watching = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._is_watching:
            with self._lock:
                if not self._is_watching:
                    self._watch()
                    self._is_watching = True
        return self._wsgi_app(environ, start_response)

    def _watch(self) -> None:
        try:
            for endpoint, view in list(self._app.view_functions.items()):
                self._app.endpoint(endpoint)(_watched(view))
        except AssertionError as error:
            # A request was made before, around this middleware; Flask takes no more views.
            logger.warning("Views cannot be watched; their status tells their fate: %s", error)


def _watched(view: Callable[..., Any]) -> Callable[..., Any]:
    if is_async_callable(view):

        @wraps(view)
        async def async_watched(*args: Any, **kwargs: Any) -> Any:
            with _view_of_request():
                return await view(*args, **kwargs)

        return async_watched

    @wraps(view)
    def watched(*args: Any, **kwargs: Any) -> Any:
        with _view_of_request():
            return view(*args, **kwargs)

    return watched


def _view_of_request() -> AbstractContextManager[object]:
    scope: ResponseScope | None = request.environ.get(SCOPE_KEY) if has_request_context() else None
    return nullcontext() if scope is None else scope.view()


class FlaskContext:
    """Flask's surroundings of tasks (``runner.HostContext``): an application context each."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def capture(self, task: BackgroundTask, /) -> None:
        _refuse_what_is_bound(task)
        _note_error_handler()

    def trip(self) -> AbstractContextManager[FlaskContext]:
        return nullcontext(self)

    def async_trip(self) -> AbstractAsyncContextManager[FlaskContext]:
        return nullcontext(self)

    def around_task(self, captured: None, /) -> AbstractContextManager[object]:
        return self._app.app_context()


def _note_error_handler() -> None:
    # An error handler runs while its exception is being handled. Where no view was running
    # (an unknown URL, a request hook that aborts) this is the first one hears of the exception.
    scope: ResponseScope | None = request.environ.get(SCOPE_KEY) if has_request_context() else None
    error = sys.exception()
    if scope is None or scope.is_fate_known or scope.is_view_running or error is None:
        return
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_globals.get("__name__") == "flask.app":
            scope.view_raised(error)
            return
        step = step.tb_next


def _refuse_what_is_bound(task: BackgroundTask) -> None:
    owner = getattr(task.func, "__self__", None)
    if isinstance(owner, FileStorage):
        _refuse(task, owner, "its method")
    for place, value in (*enumerate(task.args), *task.kwargs.items()):
        _refuse(task, value, f"argument {place!r}")
        if type(value) in (list, tuple, set, frozenset):
            for inner in value:
                _refuse(task, inner, f"inside argument {place!r}")
        elif type(value) is dict:
            for inner in value.values():
                _refuse(task, inner, f"inside argument {place!r}")


def _refuse(task: BackgroundTask, value: Any, place: str) -> None:
    if type(value) is LocalProxy:
        if value is current_app:
            return  # a task has an application context, so this one works
        names = {id(request): "flask.request", id(session): "flask.session", id(g): "flask.g"}
        what = names.get(id(value), "a context-bound proxy (flask_login.current_user is one)")
        raise UnsafeArgumentError(
            f"add_task({task.name}, ...) got {what} ({place}), which means nothing once the "
            "request is over. Pass what the task needs of it: request.path, user_id=current_user.id"
        )
    if isinstance(value, FileStorage):
        raise UnsafeArgumentError(
            f"add_task({task.name}, ...) got the uploaded file {value.filename!r} ({place}), which "
            "Flask closes when the response ends: before the task runs. Copy it in the view, "
            "data = upload.read(), or upload.save(path), and pass the copy."
        )
