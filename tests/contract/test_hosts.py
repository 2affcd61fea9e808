"""Every promise, over every one of our adapters: in the short form, or all with --long.

The hosts' own modules are imported where they are used, in a server's process: a framework that is
not installed is a reason to skip its tests only.
"""

from __future__ import annotations

from typing import Any

from bgtasks_adapters.contract import check_adapter
from bgtasks_adapters.contract.servers import Interface
from tests.contract.pairs import HELD_ON_TRIO, servers_of


def make_bare_wsgi(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import bare_wsgi

    return bare_wsgi.make_boundary(settings)


def make_bare_asgi(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import bare_asgi

    return bare_asgi.make_boundary(settings)


def make_starlette(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import starlette_app

    return starlette_app.make_boundary(settings)


def make_fastapi(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import fastapi_app

    return fastapi_app.make_site(settings)


def make_flask(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import flask_app

    return flask_app.make_site(settings)


def make_quart(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import quart_app

    return quart_app.make_site(settings)


def make_django_wsgi(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import django_wsgi  # its settings.py reads ours by itself

    return django_wsgi.make_site()


def make_django_asgi(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import django_asgi

    return django_asgi.make_site()


TestBareWsgi = check_adapter(
    make_bare_wsgi,
    "wsgi",
    servers=servers_of("bare-wsgi", "wsgi"),
    shapes=("file",),
    sees_the_view=False,
)
TestBareAsgi = check_adapter(
    make_bare_asgi, "asgi", servers=servers_of("bare-asgi", "asgi"), sees_the_view=False
)
TestStarlette = check_adapter(
    make_starlette,
    "asgi",
    views=("def", "async"),
    servers=servers_of("starlette", "asgi"),
    shapes=("file", "missing"),
    sees_the_view=False,
    packages=("starlette",),
    defects=HELD_ON_TRIO,
)
TestFastAPI = check_adapter(
    make_fastapi,
    "asgi",
    views=("def", "async"),
    servers=servers_of("fastapi", "asgi"),
    shapes=("file", "missing"),
    packages=("fastapi",),
    defects={
        ("hypercorn-trio", "http-1.0-stream"): (
            "without this package, too, hypercorn does not close the connection on trio"
        )
    },
)
TestFlask = check_adapter(
    make_flask,
    "wsgi",
    views=("def", "async"),
    servers=servers_of("flask", "wsgi"),
    shapes=("file", "missing", "replaced"),
    packages=("flask", "asgiref"),
)
TestQuart = check_adapter(
    make_quart,
    "asgi",
    views=("def", "async"),
    servers=servers_of("quart", "asgi"),
    shapes=("file", "missing", "replaced"),
    cancels_async_views=True,
    packages=("quart",),
)


def check_django(interface: Interface, installation: str) -> type | None:
    """Return the suite of Django with one way to install the package; None if it has no server."""
    is_boundary = installation == "boundary"
    name = f"django-{interface}" + ("" if is_boundary else f"-{installation}")
    servers = servers_of(name, interface)
    if not servers:
        return None
    return check_adapter(
        make_django_wsgi if interface == "wsgi" else make_django_asgi,
        interface,
        name=name,
        views=("def", "async"),
        servers=servers,
        shapes=("file", "missing", "replaced", "conditional"),
        cancels_async_views=interface == "asgi",
        is_boundary=is_boundary,
        handles_sigterm=installation != "decorator",
        environment={
            "CONTRACT_DJANGO": installation,
            "DJANGO_SETTINGS_MODULE": "tests.contract.hosts.django_site",
        },
        packages=("django",),
    )


TestDjangoWsgi = check_django("wsgi", "boundary")
TestDjangoWsgiMiddleware = check_django("wsgi", "middleware")
TestDjangoWsgiDecorator = check_django("wsgi", "decorator")
TestDjangoAsgi = check_django("asgi", "boundary")
TestDjangoAsgiMiddleware = check_django("asgi", "middleware")
TestDjangoAsgiDecorator = check_django("asgi", "decorator")
