"""The sections of the report: in which order, and which module measures each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import Result

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Section:
    """A part of the report, measured by ``python -m benchmarks.<module>``.

    That prints a JSON list of results (see ``results``) as its last line, and with ``--quick``
    takes fewer rounds (or ``--rounds``, for tests, where it has that). A process of its own, so
    that what one imports or starts touches no other.
    """

    module: str
    title: str
    about: str
    """What is measured and how, for the page, as Markdown."""

    def run(self, *, is_quick: bool, rounds: int | None = None) -> Sequence[Result]:
        command = [sys.executable, "-m", f"benchmarks.{self.module}"]
        if is_quick:
            command.append("--quick")
        if rounds is not None:
            command.append(f"--rounds={rounds}")
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return [Result.from_json(record) for record in json.loads(done.stdout.splitlines()[-1])]


SECTIONS = (
    Section(
        "adding",
        "Adding a task",
        "What the view pays: one `add_task`, of a function that does nothing. Ours looks at the "
        "function and its arguments and captures the context variables of the line, so that the "
        "task sees them; Starlette, FastAPI and Litestar store the call only. *Within a response* "
        "means inside an application behind the WSGI middleware. The hand-written limit appends a "
        "copy of the context, the function and its arguments to a list.",
    ),
    Section(
        "running",
        "Running tasks",
        "What a task costs beyond its own work: functions that do nothing, added before the clock "
        "starts. *Awaited* is `await tasks()`, Starlette's contract. *After a response* is how "
        "the adapters run them: from the end of a response until the last of its tasks has ended, "
        "on the library's own workers and the server's loop. Beside them, what one writes by hand "
        "to the same end; `asyncio.to_thread` is awaited task by task, the others are all "
        "started, then awaited.",
    ),
    Section(
        "steps",
        "Step by step",
        "What a response with one `async def` task consists of, without a server and without a "
        "framework, each step taken by hundreds of responses in turn. It is what the figures of "
        "all requests have in common; the adapter's own part, the loop's or a thread's come on "
        "top, and in a real request each step takes longer, because what it needs is not in the "
        "processor's caches any more.",
    ),
    Section(
        "requests_django",
        "Requests to Django",
        "What a request costs, called without a server: the bare view, the view behind the "
        "adapter without a task, and with one, beside the packages that bring background tasks to "
        "Django and beside a closer by hand. The time is that of many requests one after the "
        "other, each iterated and closed, until all their tasks have ended, divided by their "
        "number. ASGI requests run in an asyncio task each, as on a server. After the timing each "
        "contender is tried for tasks that are lost, reordered or early.",
    ),
    Section(
        "requests_flask",
        "Requests to Flask",
        "The same in Flask: the bare view, the view behind `init_app` without a task, and with "
        "one, beside Flask-Executor and what is written by hand.",
    ),
    Section(
        "requests_asgi",
        "Requests to ASGI applications",
        "The same in Starlette, FastAPI, Quart and Litestar: their own background tasks beside "
        "ours, and the packages for any ASGI application.",
    ),
    Section(
        "load",
        "Under load",
        "Real servers on the loopback. Latency is taken by an open-loop client that sends at even "
        "intervals; each request has a task of 20 ms. That is at half of the rate that the same "
        "application reaches with these tasks, and again at half of what it reaches without any, "
        "which may be all that it can do with them. Requests a second are counted under `wrk`, "
        "until the last task, of 1 ms, has ended; `def` tasks on gunicorn, `async def` ones on "
        "uvicorn. All who have such a limit may use 256 threads, because fewer could not run so "
        "many tasks at once.",
    ),
    Section(
        "starting",
        "Starting after the response",
        "From the client's last byte of a response to the first line of its task, on real servers.",
    ),
    Section(
        "memory",
        "Memory of pending tasks",
        "How much the resident memory of a process grows while tasks wait, and what each then "
        "costs; every figure from a process of its own that has run a few tasks before. First one "
        "response with more and more tasks: small ones are held many at a time, because memory is "
        "given out in pages. The tasks share their two small arguments. Then many responses with "
        "one task each, while all workers are blocked; beside ours, applications of Starlette and "
        "Litestar that are called without a server, so that none has the server's share. The time "
        "to add and to run all is that of tasks that do nothing.",
    ),
    Section(
        "imports",
        "Importing",
        "How long an import takes in a fresh interpreter, beside one that imports nothing, with "
        "byte code that is cached; and what an application that adds `def` tasks only has "
        "imported.",
    ),
    Section(
        "scaling",
        "More processes",
        "gunicorn gthread with 1, 2, 4 and 8 workers under `wrk`, one `def` task a request. What "
        "two workers gain over one is compared with what the same application gains without "
        "tasks, so that the share of the load's own process cancels out.",
    ),
)
"""In the order of the report."""
