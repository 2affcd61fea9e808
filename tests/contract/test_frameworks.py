"""Every promise, over frameworks without an adapter of their own: the boundary is around them.

As in `test_hosts.py`, the hosts' own modules are imported in a server's process.
"""

from __future__ import annotations

from typing import Any

from bgtasks_adapters.contract import check_adapter
from tests.contract.pairs import HELD_ON_TRIO, servers_of


def make_falcon_wsgi(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import falcon_wsgi

    return falcon_wsgi.make_boundary(settings)


def make_falcon_asgi(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import falcon_asgi

    return falcon_asgi.make_boundary(settings)


def make_pyramid(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import pyramid_app

    return pyramid_app.make_boundary(settings)


def make_bottle(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import bottle_app

    return bottle_app.make_boundary(settings)


def make_litestar(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import litestar_app

    return litestar_app.make_boundary(settings)


def make_blacksheep(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import blacksheep_app

    return blacksheep_app.make_boundary(settings)


def make_sanic(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import sanic_app

    return sanic_app.make_boundary(settings)


def make_connexion(settings: dict[str, Any]) -> object:
    from tests.contract.hosts import connexion_app

    return connexion_app.make_boundary(settings)


TestFalconWsgi = check_adapter(
    make_falcon_wsgi,
    "wsgi",
    name="falcon-wsgi",
    servers=servers_of("falcon-wsgi", "wsgi"),
    shapes=("file", "missing", "replaced"),
    sees_the_view=False,
    packages=("falcon",),
)
TestPyramid = check_adapter(
    make_pyramid,
    "wsgi",
    servers=servers_of("pyramid", "wsgi"),
    shapes=("file", "missing", "replaced", "conditional"),
    sees_the_view=False,
    packages=("pyramid",),
)
TestBottle = check_adapter(
    make_bottle,
    "wsgi",
    servers=servers_of("bottle", "wsgi"),
    shapes=("file", "missing", "replaced"),
    sees_the_view=False,
    packages=("bottle",),
)
TestFalconAsgi = check_adapter(
    make_falcon_asgi,
    "asgi",
    name="falcon-asgi",
    servers=servers_of("falcon-asgi", "asgi"),
    shapes=("file", "missing", "replaced"),
    sees_the_view=False,
    packages=("falcon", "aiofiles"),
)
TestLitestar = check_adapter(
    make_litestar,
    "asgi",
    views=("def", "async"),
    servers=servers_of("litestar", "asgi"),
    shapes=("file", "missing", "replaced"),
    sees_the_view=False,
    packages=("litestar",),
    defects=HELD_ON_TRIO,
)
TestBlackSheep = check_adapter(
    make_blacksheep,
    "asgi",
    servers=servers_of("blacksheep", "asgi"),
    shapes=("file", "missing", "replaced"),
    sees_the_view=False,
    packages=("blacksheep",),
)
TestSanic = check_adapter(
    make_sanic,
    "asgi",
    servers=servers_of("sanic", "asgi"),
    shapes=("file", "missing", "replaced"),
    sees_the_view=False,
    packages=("sanic",),
)
TestConnexion = check_adapter(
    make_connexion,
    "asgi",
    views=("def", "async"),
    servers=servers_of("connexion", "asgi"),
    shapes=("file", "missing", "replaced"),
    sees_the_view=False,
    packages=("connexion",),
    defects=HELD_ON_TRIO,
)
