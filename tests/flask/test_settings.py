"""The settings: `BGTASKS_*` in the configuration of the application, and keywords."""

from __future__ import annotations

import threading

import pytest
from flask import Flask

from bgtasks_adapters import BackgroundTasks, InvalidOptionError, add_task
from bgtasks_adapters.flask import init_app, with_background_tasks
from tests.flask.site import Site


def add_failing_view(site: Site) -> None:
    @site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> tuple[str, int]:
        tasks.add_task(site.do, "task")
        tasks.add_task(site.do, "behind it")
        return "refused", 404


def test_the_configuration_is_read() -> None:
    """`init_app` reads `BGTASKS_*` from the configuration."""
    site = Site().configure()
    site.app.config["BGTASKS_WHEN"] = "success"
    init_app(site.app)
    add_failing_view(site)
    site.ask()
    assert site.fates == {"task": "skipped", "behind it": "skipped"}


def test_the_decorator_alone_reads_it(bare_site: Site) -> None:
    """The decorator alone goes by the same configuration."""
    bare_site.app.config["BGTASKS_WHEN"] = "success"
    add_failing_view(bare_site)
    bare_site.ask()
    assert bare_site.fates == {"task": "skipped", "behind it": "skipped"}


def test_keywords_win() -> None:
    """A keyword of `init_app` wins over the configuration; the rest of that stays."""
    site = Site().configure()
    site.app.config["BGTASKS_WHEN"] = "success"
    init_app(site.app, when="always")
    add_failing_view(site)
    site.ask()
    assert site.fates == {"task": "succeeded", "behind it": "succeeded"}


def test_inline() -> None:
    """With `executor="inline"` tasks run on the thread of the request, as it is closed."""
    site = Site().install(executor="inline")
    threads: list[threading.Thread] = []

    @site.app.route("/")
    def view() -> str:
        add_task(lambda: threads.append(threading.current_thread()))
        add_task(site.do_async, "async")
        return "ok"

    site.app.test_client().get("/", buffered=True)
    assert threads == [threading.current_thread()]
    assert site.done == ["async"]


def test_an_unknown_key() -> None:
    """An unknown key of the configuration is named as it is spelled there, with a suggestion."""
    app = Flask("app")
    app.config["BGTASKS_MAX_WORKER"] = 2
    with pytest.raises(InvalidOptionError) as caught:
        init_app(app)
    assert "Unknown setting 'BGTASKS_MAX_WORKER'" in str(caught.value)
    assert "Did you mean 'BGTASKS_MAX_WORKERS'?" in str(caught.value)


def test_an_unknown_keyword() -> None:
    """An unknown keyword is named as a keyword is spelled."""
    with pytest.raises(InvalidOptionError, match="Unknown setting 'max_worker'"):
        init_app(Flask("app"), max_worker=2)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("BGTASKS_MAX_WORKERS", 0),
        ("BGTASKS_MAX_PENDING", "many"),
        ("BGTASKS_WHEN", "later"),
        ("BGTASKS_ON_ERROR", "ignore"),
        ("BGTASKS_EXECUTOR", "celery"),
        ("BGTASKS_SHUTDOWN_TIMEOUT", -1),
        ("BGTASKS_OBSERVERS", print),
    ],
)
def test_a_bad_value(key: str, value: object) -> None:
    """A bad value is an error of `init_app` that names the setting, and nothing is installed."""
    app = Flask("app")
    app.config[key] = value
    with pytest.raises(InvalidOptionError, match=f"{key}="):
        init_app(app)
    assert app.extensions == {}
    init_app(Flask("app"), max_workers=1)


def test_keywords_win_after_the_decorator_was_used(bare_site: Site) -> None:
    """Keywords of `init_app` count, too, where a decorated view was called before it."""
    add_failing_view(bare_site)
    bare_site.ask()
    bare_site.events.clear()
    init_app(bare_site.app, when="success")
    bare_site.ask()
    assert bare_site.fates == {"task": "skipped", "behind it": "skipped"}
