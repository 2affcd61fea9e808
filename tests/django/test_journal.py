"""The journal in the project's own database: commit and task are one, also when processes die."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.test import Client, override_settings

from bgtasks_adapters.django.conf import get_settings
from bgtasks_adapters.django.journal.models import Entry
from bgtasks_adapters.exceptions import InvalidOptionError
from tests.django.database import Database, Kind, ServedDatabase, database_of
from tests.programs import Ended, journalled_django, run, running

KILLED = -9
ON_EACH_DATABASE = pytest.mark.parametrize(
    "project", ["sqlite", "postgresql", "pool", "mariadb"], indirect=True
)


class Project:
    """A database, and the processes that are given it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.config = json.dumps({**database.settings, "TEST": {}})

    def serve(self, page: str, number: int = 0) -> Ended:
        return run(journalled_django.serve, self.config, page, str(number))

    def manage(self, *arguments: str) -> Ended:
        return run(journalled_django.manage, self.config, *arguments)

    @property
    def entries(self) -> Any:
        return Entry.objects.using(self.database.alias)

    def names(self) -> list[str]:
        return [entry.name for entry in self.entries.order_by("number")]


@pytest.fixture(params=["sqlite"])
def project(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    django_db_blocker: Any,
    give_up: Callable[[str], NoReturn],
) -> Iterator[Project]:
    kind: Kind = request.param
    with django_db_blocker.unblock():
        database = database_of(kind, tmp_path, give_up)
        with database.existing():
            project = Project(database)
            migrated = project.manage("migrate", "bgtasks_journal", "--verbosity=0")
            assert migrated.status == 0, migrated
            yield project


@ON_EACH_DATABASE
def test_a_committed_task_is_run_by_the_next_process(project: Project) -> None:
    """With the row that it is about; and not before its lease is known to have ended."""
    died = project.serve("order_and_die_in_the_task", 9)
    assert died.status == KILLED, died
    assert died.said == ["delivered order"]
    assert project.names() == ["deliver_and_die"]
    again = run(journalled_django.serve, project.config, "nothing", "1", SURVIVES="1")
    assert again.status == 0, again
    assert again.said == ["delivered order", "succeeded deliver_and_die"]
    assert project.names() == []


@pytest.mark.parametrize("project", ["sqlite", "postgresql"], indirect=True)
def test_an_asgi_server_begins_at_its_lifespan(project: Project) -> None:
    """The loop is left alone: whatever asks the database does it on a thread."""
    assert project.serve("order_and_die_in_the_task", 9).status == KILLED
    ended = run(journalled_django.serve_asgi, project.config, "1", SURVIVES="1")
    assert ended.status == 0, ended
    assert ended.said == ["delivered order", "succeeded deliver_and_die", "200"]
    assert project.names() == []


def test_before_the_commit_there_is_neither_row_nor_task(project: Project) -> None:
    """A process that dies in the view leaves nothing, as its transaction does."""
    assert project.serve("die_before_the_commit").status == KILLED
    assert project.names() == []
    assert project.database.notes.count() == 0


def test_a_rollback_takes_the_entry_along(project: Project) -> None:
    """And the task is skipped, and reported, as ever."""
    ended = project.serve("fail_before_the_commit", 1)
    assert ended.said == ["skipped deliver"]
    assert project.names() == []


@pytest.mark.parametrize("project", ["postgresql", "mariadb"], indirect=True)
def test_a_task_that_was_replaced_in_its_transaction_leaves_no_entry(project: Project) -> None:
    """Its entry is deleted behind the commit, before which nobody else could see it."""
    ended = project.serve("replace", 3)
    assert ended.status == 0, ended
    assert sorted(ended.said) == [
        "delivered once",
        "replaced deliver",
        "replaced deliver",
        "succeeded deliver",
    ]
    assert project.names() == []


@pytest.mark.parametrize("project", ["sqlite", "postgresql", "mariadb"], indirect=True)
def test_what_a_living_process_has_is_left_to_it(project: Project) -> None:
    """Also when the connection that holds its lease was lost."""
    with running(journalled_django.live, project.config, "hold_one") as alive:
        assert alive.stdout is not None
        assert alive.stdout.readline() == "holding alive\n"
        if isinstance(project.database, ServedDatabase):
            for number in project.database.ids_at_server():
                project.database.end_at_server(number)
        other = run(journalled_django.watch, project.config, "order")
        assert other.status == 0, other
        assert other.said == ["delivered order", "succeeded deliver"]
        refused = project.manage("bgtasks", "retry", "hold")
        assert refused.status != 0
        assert "'hold' is with a process that lives" in refused.log
        assert project.names() == ["hold"]


@pytest.mark.parametrize("project", ["sqlite", "mariadb"], indirect=True)
def test_what_is_left_can_be_looked_after(project: Project) -> None:
    """``manage.py bgtasks list``, ``retry`` and ``discard``."""
    assert project.manage("bgtasks", "list").said == ["The journal is empty."]
    assert project.serve("order_and_die_in_the_task", 9).status == KILLED
    listed = project.manage("bgtasks", "list", "--json")
    (line,) = listed.said
    assert json.loads(line)["name"] == "deliver_and_die"
    entry = project.entries.get()
    project.entries.update(is_set_aside=True, owner=None, reason="for a test", crashes=3)
    assert "set aside: for a test" in project.manage("bgtasks", "list").said[-1]
    renewed = project.manage("bgtasks", "retry", str(entry.number))
    assert renewed.said == ["1 task(s) will be run by a process of the application."], renewed
    assert (project.entries.get().crashes, project.entries.get().is_set_aside) == (0, False)
    assert project.manage("bgtasks", "discard", "--all").said == ["1 task(s) were thrown away."]
    assert project.names() == []


def test_an_entry_that_the_project_did_not_write_is_set_aside(project: Project) -> None:
    """Who can write to the table cannot have functions called."""
    assert project.serve("order_and_die_in_the_task", 9).status == KILLED
    project.entries.update(path="os:system", arguments='[["true"],{}]')
    project.serve("nothing")
    entry = project.entries.get()
    assert entry.is_set_aside
    assert entry.reason.startswith("it cannot be run: it was not written by this project")


def test_in_an_async_view_add_task_says_what_to_do(project: Project) -> None:
    """Django's database cannot be used on a loop; in a thread it can."""
    ended = project.serve("asynchronous", 1)
    assert ended.said[0].startswith("JournalError add_task(hold, ...) was called on an event loop")
    assert ended.said[1] == "failed deliver"
    assert project.names() == []


@pytest.mark.django_db
def test_in_tests_tasks_are_only_checked(client: Client) -> None:
    """A test's database goes with the test."""
    with override_settings(BGTASKS={"JOURNAL": True}):
        from bgtasks_adapters.django.scopes import scope_without_response, start_tasks

        scope = scope_without_response()
        scope.add_task(str, 1)
        with pytest.raises(TypeError, match=r"builtins\.set"):
            scope.add_task(str, {1})
        start_tasks(scope)
        assert [task.entry for task in scope.tasks] == [None]


def test_true_needs_the_app() -> None:
    """The message names it."""
    with (
        override_settings(BGTASKS={"JOURNAL": True}, INSTALLED_APPS=["bgtasks_adapters.django"]),
        pytest.raises(InvalidOptionError, match=r"bgtasks_adapters\.django\.journal.*migrate"),
    ):
        get_settings()


def test_the_migrations_are_complete(project: Project) -> None:
    """``makemigrations`` has nothing to add."""
    made = project.manage("makemigrations", "bgtasks_journal", "--check")
    assert made.said == ["No changes detected in app 'bgtasks_journal'"], made
