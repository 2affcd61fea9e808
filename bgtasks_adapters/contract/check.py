"""``check_adapter``: one line of a test module that becomes the contract suite of an adapter."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from bgtasks_adapters.contract.finding import find_host
from bgtasks_adapters.contract.hosts import FrameworkShape, Host, Pair, View
from bgtasks_adapters.contract.servers import SERVERS, Interface, Server
from bgtasks_adapters.exceptions import InvalidOptionError

if TYPE_CHECKING:
    from bgtasks_adapters.contract.suite import Suite

T = TypeVar("T")

_DEFAULT_VIEWS: Mapping[str, tuple[View, ...]] = {"wsgi": ("def",), "asgi": ("async",)}


def check_adapter(
    make_host: Callable[[dict[str, Any]], object],
    interface: Interface,
    *,
    name: str | None = None,
    views: Iterable[View] | None = None,
    servers: Iterable[str] | None = None,
    shapes: Iterable[FrameworkShape] = (),
    sees_the_view: bool = True,
    cancels_async_views: bool = False,
    is_boundary: bool = True,
    handles_sigterm: bool = True,
    environment: Mapping[str, str] | None = None,
    packages: Iterable[str] = (),
    defects: Mapping[tuple[str, str], str] | None = None,
) -> type[Suite]:
    """Return the contract suite of an adapter: a class of tests, for a name that pytest collects.

    ``TestMyAdapter = check_adapter(make_host, "wsgi")`` in a module of tests is all. Each test
    is a promise of this package, held on real servers; one that fails says which promise was
    broken. Servers are started in processes of their own, on free ports of 127.0.0.1.

    ``make_host`` is a function of a module, and is called in the server's process, with the
    settings that the adapter has to run with (the keywords of its middleware or ``init_app``). It
    returns the application, with the adapter installed. That answers ``/<view>/<shape>`` as a
    ``Page`` tells it to, and nothing else is asked of it.

    What the application is, and has or lacks by its framework's nature:

    - ``interface``: ``"wsgi"`` or ``"asgi"``.
    - ``name``: what the tests call it; by default the name of ``make_host`` without ``make_``.
    - ``views``: the kinds of view that it offers below ``/def/`` and ``/async/``. By default
      ``("def",)`` for WSGI, ``("async",)`` for ASGI.
    - ``servers``: names of the table of servers, such as ``"gunicorn-gthread"``; the tests of one
      that is not installed are skipped. By default all that are installed, save those that need
      Django or trio.
    - ``shapes``: what it offers beyond the pages that all have: ``"file"`` (sends ``Page.file`` by
      the framework's own means), ``"missing"`` (the view raises the framework's own "not found"),
      ``"replaced"`` (a middleware inside the adapter answers with status 202 in the view's place),
      ``"conditional"`` (a middleware inside makes a 304 of If-None-Match and the view's ETag).
    - ``sees_the_view``: whether the adapter sees views return and raise. If not, a status of 400
      or more counts as raised.
    - ``cancels_async_views``: whether the framework cancels an ``async def`` view whose client
      leaves.
    - ``is_boundary``: whether the adapter is around the whole application. Inside of it, it need
      see no client leave and no body add tasks; under ASGI it need not see the server stop.
    - ``handles_sigterm``: whether the adapter is there before the first request.
    - ``environment``: variables for the server's process.
    - ``packages``: what has to be installed; if it is not, the tests are skipped.
    - ``defects``: exchanges that never end whatever adapters do, by server and name of exchange,
      each with the reason why; they are skipped.

    Raises ``InvalidOptionError``, a ``ValueError``, for what cannot be tested.
    """
    _check_choice("interface", interface, get_args(Interface))
    found = find_host(make_host)
    host = Host(
        name=found.default_name if name is None else name,
        make_host=found.make_host,
        file=found.file,
        interface=interface,
        views=_choices("views", views, View) or _DEFAULT_VIEWS[interface],
        packages=tuple(packages),
        shapes=frozenset(_choices("shapes", shapes, FrameworkShape)),
        sees_the_view=sees_the_view,
        cancels_async_views=cancels_async_views,
        is_boundary=is_boundary,
        handles_sigterm=handles_sigterm,
        environment=dict(environment or {}),
        defects=dict(defects or {}),
    )
    pairs = tuple(Pair(host, server) for server in _servers(interface, servers))
    return _new_suite(make_host.__module__, host, pairs)


def _new_suite(module: str, host: Host, pairs: tuple[Pair, ...]) -> type[Suite]:
    namespace = {"__module__": module, "host": host, "pairs": pairs}
    if "CONTRACT_HOST" in os.environ:
        # A server's process, which loads a module of tests only for its make_host.
        return _subclass(object, namespace)
    from bgtasks_adapters.contract.picking import without_idle_tests
    from bgtasks_adapters.contract.suite import NoServer, Suite

    if pairs:
        return _subclass(Suite, {**namespace, **without_idle_tests(Suite, pairs)})
    return _subclass(NoServer, namespace)


def _subclass(parent: type, namespace: Mapping[str, object]) -> type[Suite]:
    made: Any = type("Suite", (parent,), dict(namespace))
    suite: type[Suite] = made
    return suite


def _servers(interface: Interface, names: Iterable[str] | None) -> list[Server]:
    offered = {name: one for name, one in SERVERS.items() if one.interface == interface}
    if names is None:
        usual = [one for one in offered.values() if not one.needs_django and not one.needs_trio]
        return [server for server in usual if not server.missing]
    chosen = _listed("servers", names)
    if not chosen:
        raise InvalidOptionError("servers is empty. Name one, or leave it out to try all.")
    for name in chosen:
        _check_choice(f"servers for {interface}", name, offered)
    return [offered[name] for name in chosen]


def _choices(option: str, values: Iterable[T] | None, choices: object) -> tuple[T, ...]:
    chosen = () if values is None else _listed(option, values)
    for value in chosen:
        _check_choice(option, value, get_args(choices))
    return chosen


def _listed(option: str, values: Iterable[T]) -> tuple[T, ...]:
    if isinstance(values, str):
        raise InvalidOptionError(
            f"{option}={values!r} is one string. Pass a sequence: {option}=({values!r},)"
        )
    return tuple(values)


def _check_choice(option: str, value: object, choices: Iterable[str]) -> None:
    known = [repr(choice) for choice in choices]
    if repr(value) not in known:
        raise InvalidOptionError(f"{option}: {value!r} is not known. Use {', '.join(known)}.")
