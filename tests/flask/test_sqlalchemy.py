"""Flask-SQLAlchemy: every task has a session of its own, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sqlalchemy.orm.exc import DetachedInstanceError

from bgtasks_adapters import BackgroundTasks, BackgroundTasksWarning
from bgtasks_adapters.flask import with_background_tasks
from tests.flask.members import (
    KINDS,
    Kind,
    Member,
    add_member,
    count_members,
    db,
    load_members,
    members_of,
    new_member,
    url_of,
)
from tests.flask.site import PATIENCE, Site, wait_for_tasks

SIDE_BY_SIDE = 4


class Found:
    """What tasks found in their sessions when they began."""

    def __init__(self) -> None:
        self.sessions: list[Any] = []  # kept, so that no two have the same id
        self.were_clean: list[bool] = []
        self.counts: list[int] = []

    def look(self) -> None:
        """Look at the session, then leave it as untidy as can be."""
        session = db.session()
        self.sessions.append(session)
        self.were_clean.append(
            not session.in_transaction() and not session.new and not session.identity_map.keys()
        )
        self.counts.append(count_members())
        load_members()
        add_member("never committed")
        session.flush()

    async def look_async(self) -> None:
        self.look()

    def look_and_fail(self) -> None:
        self.look()
        raise ValueError("a task that fails with a transaction open")


@pytest.fixture(params=KINDS)
def pool(
    request: pytest.FixtureRequest,
    any_site: Site,
    tmp_path: Path,
    give_up: Callable[[str], NoReturn],
) -> Iterator[Any]:
    """The pool of the connections of `any_site`, which has the table of members."""
    kind: Kind = request.param
    with members_of(any_site.app, url_of(kind, tmp_path, give_up)) as pool:
        yield pool


def kinds_of_tasks(found: Found) -> dict[str, Callable[[], object]]:
    return {"def": found.look, "async def": found.look_async, "fails": found.look_and_fail}


@pytest.mark.parametrize("kind", ["def", "async def", "fails"])
def test_each_task_has_a_session_of_its_own(any_site: Site, pool: Any, kind: str) -> None:
    """A session is new to each task, and rolled back and given back behind it."""
    found = Found()

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        found.sessions.append(db.session())
        add_member("committed")
        db.session.commit()
        load_members()
        for _ in range(3):
            tasks.using(name=kind).add_task(kinds_of_tasks(found)[kind])
        return "ok"

    assert any_site.app.test_client().get("/", buffered=True).text == "ok"
    wait_for_tasks()
    assert len({id(session) for session in found.sessions}) == 4
    assert found.were_clean == [True] * 3
    assert found.counts == [1] * 3
    assert pool.checkedout() == 0
    kinds = {event.kind for event in any_site.events}
    assert kinds == {"failed" if kind == "fails" else "succeeded"}


def test_tasks_of_every_kind_in_turn(any_site: Site, pool: Any) -> None:
    """A task that fails, or runs on the loop, leaves nothing to the one behind it."""
    found = Found()

    @any_site.app.route("/")
    @with_background_tasks
    async def view(tasks: BackgroundTasks) -> str:
        add_member("committed")
        db.session.commit()
        for _ in range(2):
            for look in kinds_of_tasks(found).values():
                tasks.add_task(look)
        return "ok"

    assert any_site.app.test_client().get("/", buffered=True).text == "ok"
    wait_for_tasks()
    assert found.were_clean == [True] * 6
    assert found.counts == [1] * 6
    assert pool.checkedout() == 0


def test_what_the_view_did_not_commit(any_site: Site, pool: Any) -> None:
    """A task sees the rows that the view committed, and nothing of its session."""
    found = Found()

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        add_member("committed")
        db.session.commit()
        add_member("not committed")
        db.session.flush()
        tasks.add_task(found.look)
        return "ok"

    assert any_site.app.test_client().get("/", buffered=True).text == "ok"
    wait_for_tasks()
    assert (found.were_clean, found.counts) == ([True], [1])


def ask_side_by_side(site: Site) -> None:
    def ask() -> str:
        return site.app.test_client().get("/", buffered=True).text

    with ThreadPoolExecutor(SIDE_BY_SIDE) as clients:
        answers = [clients.submit(ask) for _ in range(SIDE_BY_SIDE)]
        assert [answer.result(PATIENCE) for answer in answers] == ["ok"] * SIDE_BY_SIDE
    wait_for_tasks()


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_tasks_of_several_requests_at_once(any_site: Site, pool: Any, kind: str) -> None:
    """Tasks that run at the same time share no session and no connection."""
    sessions: list[Any] = []
    checked_out: list[int] = []
    all_began = threading.Barrier(SIDE_BY_SIDE)
    all_began_on_the_loop = asyncio.Barrier(SIDE_BY_SIDE)

    def look(when_all_began: Callable[[], object]) -> None:
        sessions.append(db.session())
        load_members()
        when_all_began()
        checked_out.append(pool.checkedout())

    def task() -> None:
        look(lambda: all_began.wait(PATIENCE))
        all_began.wait(PATIENCE)

    async def async_task() -> None:
        sessions.append(db.session())
        load_members()
        async with asyncio.timeout(PATIENCE):
            await all_began_on_the_loop.wait()
            checked_out.append(pool.checkedout())
            await all_began_on_the_loop.wait()

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        tasks.add_task(task if kind == "def" else async_task)
        return "ok"

    ask_side_by_side(any_site)
    assert [event.kind for event in any_site.events] == ["succeeded"] * SIDE_BY_SIDE
    assert len({id(session) for session in sessions}) == SIDE_BY_SIDE
    assert checked_out == [SIDE_BY_SIDE] * SIDE_BY_SIDE
    assert pool.checkedout() == 0


# Instances that are passed to a task.

PASSED: dict[str, Callable[[Any], Any]] = {
    "instance": lambda member: member,
    "in a list": lambda member: [member],
}


@pytest.mark.parametrize("how", PASSED)
def test_an_instance_of_the_view(any_site: Site, pool: Any, how: str) -> None:
    """An instance is warned of, since it fails in the task; its id is what to pass."""
    names: list[str] = []

    def read(passed: Any) -> None:
        names.append((passed[0] if isinstance(passed, list) else passed).name)

    def load(member_id: int) -> None:
        names.append(db.session.get_one(Member, member_id).name)

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        member = add_member("Ada")
        db.session.commit()
        member_id = member.id
        db.session.commit()  # as a view may end: its instances expire
        with pytest.warns(BackgroundTasksWarning, match=r"bgtasks\.W113: .*an instance of Member"):
            tasks.add_task(read, PASSED[how](member))
        tasks.add_task(load, member_id)
        return "ok"

    assert any_site.app.test_client().get("/", buffered=True).text == "ok"
    wait_for_tasks()
    failed, succeeded = any_site.events
    assert isinstance(failed.error, DetachedInstanceError)
    assert (succeeded.kind, names) == ("succeeded", ["Ada"])


def test_a_method_of_an_instance(any_site: Site, pool: Any) -> None:
    """A method of an instance takes the instance along, and is warned of as well."""

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        member = add_member("Ada")
        db.session.commit()
        with pytest.warns(BackgroundTasksWarning, match=r"W113.*object whose method it is"):
            tasks.add_task(member.__repr__)
        return "ok"

    assert any_site.app.test_client().get("/", buffered=True).text == "ok"
    wait_for_tasks()


def test_an_instance_of_no_session(any_site: Site, pool: Any) -> None:
    """An instance that was never added is a plain object, which the task may add itself."""

    def save(member: Any) -> None:
        db.session.add(member)
        db.session.commit()

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        tasks.add_task(save, new_member("Ada"))
        tasks.add_task(any_site.done.append, Member.__name__)
        return "ok"

    assert any_site.app.test_client().get("/", buffered=True).text == "ok"
    wait_for_tasks()
    assert [event.kind for event in any_site.events] == ["succeeded", "succeeded"]
    with any_site.app.app_context():
        assert count_members() == 1


def test_the_session_that_is_found_by_its_users(any_site: Site, pool: Any) -> None:
    """`db` and `db.session` may be passed: in a task they are the task's own session."""
    sessions: list[Any] = []

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        sessions.append(db.session())
        tasks.add_task(lambda passed: sessions.append(passed()), db.session)
        tasks.add_task(lambda passed: sessions.append(passed.session()), db)
        return "ok"

    assert any_site.app.test_client().get("/", buffered=True).text == "ok"
    wait_for_tasks()
    assert len({id(session) for session in sessions}) == 3


def test_nothing_is_loaded_by_looking(any_site: Site, pool: Any) -> None:
    """To look at an expired instance makes no query."""

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        member = add_member("Ada")
        db.session.commit()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BackgroundTasksWarning)
            tasks.add_task(repr, member)
        assert "name" not in vars(member)
        assert not db.session().in_transaction()
        return "ok"

    assert any_site.app.test_client().get("/", buffered=True).text == "ok"
    wait_for_tasks()
