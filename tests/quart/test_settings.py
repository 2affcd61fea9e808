"""The settings: `BGTASKS_*` in the configuration of the application, and keywords."""

from __future__ import annotations

import pytest
from quart import Quart

from bgtasks_adapters import BackgroundTasks, InvalidOptionError, add_task
from bgtasks_adapters.quart import init_app, with_background_tasks
from tests.quart.site import Site

pytestmark = pytest.mark.anyio


def add_refusing_view(site: Site) -> None:
    @site.app.route("/")
    @with_background_tasks
    async def view(tasks: BackgroundTasks) -> tuple[str, int]:
        tasks.add_task(site.do, "task")
        return "refused", 404


@pytest.mark.parametrize("is_initialised", [True, False])
async def test_the_configuration_is_read(is_initialised: bool) -> None:
    """`init_app`, and the decorator alone, read `BGTASKS_*` from the configuration."""
    site = Site().configure()
    site.app.config["BGTASKS_WHEN"] = "success"
    if is_initialised:
        init_app(site.app)
    add_refusing_view(site)
    await site.ask()
    assert site.fates == {"task": "skipped"}


async def test_keywords_win() -> None:
    """A keyword of `init_app` wins over the configuration; the rest of that stays."""
    site = Site().configure()
    site.app.config["BGTASKS_WHEN"] = "success"
    init_app(site.app, when="always")
    add_refusing_view(site)
    await site.ask()
    assert site.fates == {"task": "succeeded"}


@pytest.mark.parametrize("is_initialised", [True, False])
async def test_inline(is_initialised: bool) -> None:
    """With `executor="inline"` tasks have run when the client has its response."""
    site = Site().configure()
    site.app.config["BGTASKS_EXECUTOR"] = "inline"
    if is_initialised:
        init_app(site.app)

    @site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        tasks.add_task(site.do, "def")
        add_task(site.do_async, "async")
        return "ok"

    await site.app.test_client().get("/")
    assert site.done == ["def", "async"]


def test_an_unknown_key() -> None:
    """An unknown key of the configuration is named as it is spelled there, with a suggestion."""
    app = Quart("app")
    app.config["BGTASKS_MAX_WORKER"] = 2
    with pytest.raises(InvalidOptionError) as caught:
        init_app(app)
    assert "Unknown setting 'BGTASKS_MAX_WORKER'" in str(caught.value)
    assert "Did you mean 'BGTASKS_MAX_WORKERS'?" in str(caught.value)
    assert app.extensions == {}


def test_an_unknown_keyword() -> None:
    """An unknown keyword is named as a keyword is spelled."""
    with pytest.raises(InvalidOptionError, match="Unknown setting 'max_worker'"):
        init_app(Quart("app"), max_worker=2)  # type: ignore[call-arg]


def test_a_bad_value() -> None:
    """A bad value is an error of `init_app` that names the setting, and nothing is installed."""
    app = Quart("app")
    app.config["BGTASKS_MAX_WORKERS"] = "8"
    with pytest.raises(InvalidOptionError, match="BGTASKS_MAX_WORKERS='8'"):
        init_app(app)
    assert app.extensions == {}


def test_a_dict_as_in_django_is_refused() -> None:
    """`BGTASKS` as one dict is Django's spelling; here it is an error that names Quart's."""
    app = Quart("app")
    app.config["BGTASKS"] = {"MAX_WORKERS": 8}
    with pytest.raises(InvalidOptionError, match="BGTASKS_MAX_WORKERS"):
        init_app(app)
