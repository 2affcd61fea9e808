"""The boundary between a WSGI server and any application (PEP 3333).

A response is over when the server calls ``close()`` on the iterable that the application
returned. At that moment its tasks are handed to the workers, and ``close()`` returns: work inside
it would hold the client on most servers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from bgtasks_adapters.ambient import use_tasks
from bgtasks_adapters.announcement import announcement
from bgtasks_adapters.bodies import Body, CapturedHead, close_after
from bgtasks_adapters.bridges import find_bridge
from bgtasks_adapters.callables import is_coroutine_function
from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.exceptions import InvalidApplicationError
from bgtasks_adapters.settings import Settings, answers_probes
from bgtasks_adapters.sigterm import handle_sigterm
from bgtasks_adapters.tasks import current_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from bgtasks_adapters.settings import SettingsKeywords
    from bgtasks_adapters.surroundings import HostContext


def _may_go_on(body: object) -> bool:
    return False


class Boundary:
    """Give every response of a WSGI application a scope, and end that with the response.

    For adapters, which bring typed settings and the surroundings of their framework's tasks, and
    may tell of a body whether the application is done with it (``bodies.close_after``).
    """

    def __init__(
        self,
        app: WSGIApplication,
        settings: Settings,
        host: HostContext | None = None,
        is_finished: Callable[[Any], bool] = _may_go_on,
    ) -> None:
        self.app = _answering_probes(app, settings)
        self.settings = settings
        self._host = host
        self._is_finished = is_finished
        handle_sigterm(settings)
        announcement.at_load(settings, "WSGI")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        outer: ResponseScope | None = environ.get(SCOPE_KEY)
        if outer is not None and not outer.is_over:  # a boundary further out owns the response
            self._join(outer)
            return self.app(environ, start_response)
        scope = ResponseScope(self.settings, self._host)
        bridge = find_bridge(environ, start_response)
        if bridge is not None:
            owner = bridge.owner
            if owner is not None and not owner.is_over:  # one under ASGI does
                self._join(owner)
                return self._share(owner, environ, start_response)
            scope.drop_notice = bridge.drop_notice
        return self._own(scope, environ, start_response)

    def _join(self, outer: ResponseScope) -> None:
        if self._host is not None:
            outer.join(self._host)

    def _share(
        self, scope: ResponseScope, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        # A bridge may change the thread without taking the owner's context along.
        environ[SCOPE_KEY] = scope
        with use_tasks(scope):
            return Body(self.app(environ, start_response), scope)

    def _own(
        self, scope: ResponseScope, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if announcement.is_due:
            announcement.at_use(self.settings, "WSGI")
        environ[SCOPE_KEY] = scope

        def noting(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            # May come late (from the body's first step) and, with exc_info, a second time.
            if exc_info is None:
                write = start_response(status, headers)
            else:
                write = start_response(status, headers, exc_info)
            if status[:3].isdigit():
                scope.notes.status = int(status[:3])
            return write

        captured = CapturedHead(noting) if scope.captor is not None else None
        token = current_tasks.set(scope)  # use_tasks, without its object
        try:
            body = self.app(environ, noting if captured is None else captured.start_response)
        except BaseException as error:
            current_tasks.reset(token)
            scope.end(error=error)
            raise
        current_tasks.reset(token)
        if captured is not None:
            return captured.close_after(body, environ, scope)
        return close_after(body, environ, scope, is_finished=self._is_finished(body))


class BackgroundTasksMiddleware(Boundary):
    """Run the tasks of each response of a WSGI application once the server has the response.

    ``def`` tasks run on worker threads of this process, ``async def`` tasks on a loop on a thread
    of its own. Tasks may be added from the application, from a body while it is iterated and from
    its ``close()``. The keywords are the fields of ``Settings``.

    Where nothing inside saw how the view ended, a status of 400 or more counts as a view that
    raised.
    """

    def __init__(self, app: WSGIApplication, **settings: Unpack[SettingsKeywords]) -> None:
        _check_application(app)
        super().__init__(app, Settings.from_mapping(settings))


def _answering_probes(app: WSGIApplication, settings: Settings) -> WSGIApplication:
    if not answers_probes():
        return app
    from bgtasks_adapters.answering import WsgiProbes

    return WsgiProbes(app, settings)


def _check_application(app: object) -> None:
    if not callable(app):
        raise InvalidApplicationError(
            f"{app!r} of type {type(app).__name__} is not callable. Pass the WSGI application."
        )
    if is_coroutine_function(app) or is_coroutine_function(type(app).__call__):
        raise InvalidApplicationError(
            f"{app!r} is an async callable, so no WSGI application. For an ASGI application take "
            "bgtasks_adapters.asgi.BackgroundTasksMiddleware."
        )
