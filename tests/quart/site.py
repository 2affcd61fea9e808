"""A Quart application under test, and what became of its tasks."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from quart import Quart, Response, current_app, g

from bgtasks_adapters import TaskEvent, drain
from bgtasks_adapters.quart import init_app

PATIENCE = 10.0
"""How long anything that must happen may take, in seconds."""


class Site:
    """An application whose tasks, `add_task(site.do, "word")`, are told apart by their word."""

    def __init__(self, name: str = "site") -> None:
        self.app = Quart(name, static_folder=None)
        self.done: list[str] = []
        self.events: list[TaskEvent] = []

    @property
    def settings(self) -> dict[str, Any]:
        """The keywords with which `init_app` has events observed here."""
        return {"observers": [self.events.append], "handle_sigterm": False}

    def install(self, **settings: Any) -> Site:
        """Call `init_app`, observing the tasks."""
        init_app(self.app, **self.settings, **settings)
        return self

    def configure(self) -> Site:
        """Observe the tasks without `init_app`, through the application's configuration."""
        self.app.config["BGTASKS_OBSERVERS"] = [self.events.append]
        self.app.config["BGTASKS_HANDLE_SIGTERM"] = False
        return self

    def do(self, word: str) -> None:
        self.done.append(word)

    def do_in_context(self, word: str) -> None:
        """Say in which application's context, and in whose: the view's `g.owner` or none."""
        self.done.append(f"{word} in {current_app.name} of {g.get('owner', 'nobody')}")

    async def do_async(self, word: str) -> None:
        self.done.append(word)

    async def ask(self, path: str = "/", method: str = "GET", **options: Any) -> Response:
        """Return the response to a request once its tasks have ended."""
        response: Response = await self.app.test_client().open(path, method=method, **options)
        await wait_for_tasks()
        return response

    @property
    def fates(self) -> dict[str, str]:
        """What became of each task, by its word."""
        fates: dict[str, str] = {event.task.args[0]: event.kind for event in self.events}
        assert len(fates) == len(self.events), f"a task ended twice: {self.events}"
        return fates


async def wait_for_tasks() -> None:
    """Wait until all tasks that were handed to the workers have ended."""
    assert await anyio.to_thread.run_sync(drain, PATIENCE), f"tasks still run after {PATIENCE} s"
