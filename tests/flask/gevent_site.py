"""Flask with Flask-SQLAlchemy, for servers whose threads are greenlets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, stream_with_context

from bgtasks_adapters import BackgroundTasks, add_task
from bgtasks_adapters.contract.served.announce import announce, announce_async
from bgtasks_adapters.flask import init_app, with_background_tasks
from tests.flask.members import add_member, count_members, db, load_members

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["MEMBERS_URL"]
db.init_app(app)
init_app(app, max_workers=4, receipt=os.environ["MEMBERS_RECEIPT"])
with app.app_context():
    db.create_all()


def _take_note() -> dict[str, Any]:
    session = db.session()
    is_clean = not session.in_transaction() and not session.identity_map.keys()
    found = {"is_clean": is_clean, "count": count_members()}
    load_members()
    add_member("never committed")
    return found


def look(visit: str, name: str) -> None:
    announce(visit, name, "started", hold=True, **_take_note())


async def look_async(visit: str, name: str) -> None:
    await announce_async(visit, name, "started", hold=True, **_take_note())


def look_and_fail(visit: str, name: str) -> None:
    look(visit, name)
    raise ValueError(name)


@app.get("/view/<visit>")
@with_background_tasks
def view(visit: str, tasks: BackgroundTasks) -> str:
    add_member(visit)
    db.session.commit()
    tasks.add_task(look_and_fail, visit, "fails")
    tasks.add_task(look_async, visit, "async")
    tasks.add_task(look, visit, "def")
    return "complete"


@app.get("/stream/<visit>")
def stream(visit: str) -> Response:
    def body() -> Iterator[str]:
        for number in ("1", "2"):
            add_task(look, visit, number)
            yield number

    return Response(stream_with_context(body()))


@app.get("/pool")
def pool() -> str:
    return str(db.engine.pool.checkedout())  # type: ignore[attr-defined]
