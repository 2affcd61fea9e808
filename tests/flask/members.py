"""A table of members with Flask-SQLAlchemy, in a database of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NoReturn

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests import postgresql_server
from tests.database_server import UnavailableError

Kind = Literal["sqlite", "postgresql"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")


class Table(DeclarativeBase):
    """What all tables are made from."""


db = SQLAlchemy(model_class=Table)


class Member(db.Model):  # type: ignore[name-defined, misc]
    """A row to load, add and leave behind."""

    __tablename__ = "bgtasks_members"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def url_of(kind: Kind, folder: Path, give_up: Callable[[str], NoReturn]) -> str:
    """Return the URL of a database: a file, or PostgreSQL where it can be started."""
    if kind == "sqlite":
        return f"sqlite:///{folder / 'members.sqlite3'}"
    try:
        port = postgresql_server.start()
    except UnavailableError as reason:
        give_up(str(reason))
    # A transaction that a test left open must not keep the next one waiting for the table.
    options = "options=-c%20lock_timeout%3D5000"
    return f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres?{options}"


@contextmanager
def members_of(app: Flask, url: str) -> Iterator[Any]:
    """Give an application the table, empty, and close its connections at the end.

    Gives the pool of the application's connections.
    """
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db.init_app(app)
    with app.app_context():
        engine = db.engine
        db.drop_all()
        db.create_all()
    try:
        yield engine.pool
    finally:
        engine.dispose()


def new_member(name: str) -> Any:
    """Make a member that no session has seen."""
    member = Member()
    member.name = name
    return member


def add_member(name: str) -> Any:
    """Add a member to the session; to commit is up to the caller."""
    member = new_member(name)
    db.session.add(member)
    return member


def count_members() -> int:
    """Count by a query, which opens a transaction and flushes what the session has."""
    return db.session.scalar(select(func.count()).select_from(Member)) or 0


def load_members() -> list[Any]:
    """Load all members into the session's identity map."""
    return list(db.session.scalars(select(Member)))
