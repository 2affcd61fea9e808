"""``python -m benchmarks.rates``: tasks a second that each step of outgrowing a process carries.

Every setting answers WSGI requests in a process of its own (``rates_program``), without a server
and by turns. What is written, into ``docs/outgrow.md``, is the medians of the rounds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import Any

from benchmarks import rates_program
from benchmarks.rates_program import CELERY_TASK, Taken
from benchmarks.record import describe_python
from benchmarks.sections import ROOT
from benchmarks.tables import markdown, terminal
from benchmarks.turns import WARM_UP, by_turns

PAGE = ROOT / "docs" / "outgrow.md"
BEGIN, END = "<!-- rates -->", "<!-- /rates -->"
ROUNDS = 5
SECONDS = 0.5
"""So long a round is to last: it has as many responses as the last one had in that time."""
FIRST = 100
PATIENCE = 30.0
HEAD = ("step", "tasks a second", "beside", "added to a response")


@dataclass(frozen=True)
class Step:
    """A row of the table: a setting, and the one that it is compared with."""

    what: str
    setting: str
    reference: str
    processes: int = 1
    is_costed: bool = False
    """Whether its responses are compared with the reference's, too."""


THREADS, DJANGO, CELERY, WORKER = "threads", "django", "celery", "celery-worker"
STEPS = (
    Step("Flask, no journal", THREADS, THREADS),
    Step('Flask, a journal in a file, `"NORMAL"`', "normal", THREADS, is_costed=True),
    Step('Flask, a journal in a file, `"FULL"`', "full", THREADS, is_costed=True),
    Step('Flask, four processes with one file, `"NORMAL"`', "normal-4", THREADS, processes=4),
    Step("Django, one `INSERT` a request, no journal", DJANGO, DJANGO),
    Step("Django, the same with `JOURNAL: True`", "django-journal", DJANGO, is_costed=True),
    Step("Flask, handed off: sent to Celery's Redis", CELERY, THREADS),
    Step("Celery: run by one worker of two processes", WORKER, THREADS),
)


class Setting:
    """Processes that answer in one setting, side by side, and what each round of them gave."""

    def __init__(self, name: str, place: str, processes: int = 1) -> None:
        self.name = name
        self.micros: list[float] = []
        self._responses = FIRST
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.rates", name, place],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(processes)
        ]

    def measure(self) -> float:
        """Take a round; return the tasks a second of all processes together."""
        taken = self.take(self._responses)
        self.micros.append(median(each.micros for each in taken))
        rates = [each.responses / each.seconds for each in taken]
        self._responses = max(FIRST, round(sum(rates) / len(rates) * SECONDS))
        return sum(rates)

    def take(self, responses: int) -> Sequence[Taken]:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{responses}\n")
            process.stdin.flush()
        return [self._answer_of(process) for process in self._processes]

    def _answer_of(self, process: subprocess.Popen[str]) -> Taken:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} failed with {process.wait()}; see above")
        return Taken(*json.loads(line))

    def end(self) -> None:
        for process in self._processes:
            process.communicate(timeout=PATIENCE)


class CelerySetting(Setting):
    """Tasks are sent while the worker is halted. It then runs them, for a rate of its own."""

    def __init__(self, broker: str, folder: str) -> None:
        super().__init__(CELERY, broker)
        self.worker_rates: list[float] = []
        self._sent = 0
        self._app = rates_program.celery_app(broker)
        self._log = Path(folder, "worker.log")
        with self._log.open("wb") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.rates", WORKER, broker],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def take(self, responses: int) -> Sequence[Taken]:
        taken = super().take(responses)
        sent = sum(each.responses for each in taken)
        self._sent += sent
        os.killpg(self._worker.pid, signal.SIGCONT)
        started = perf_counter()
        self._wait_until_run()
        self.worker_rates.append(sent / (perf_counter() - started))
        os.killpg(self._worker.pid, signal.SIGSTOP)
        return taken

    def _wait_until_run(self) -> None:
        give_up_at = monotonic() + PATIENCE
        with self._app.connection_for_read() as connection:
            redis = connection.default_channel.client
            while redis.llen("celery") or redis.hlen("unacked"):
                if self._worker.poll() is not None or monotonic() > give_up_at:
                    raise SystemExit(f"Celery's worker failed:\n{self._log.read_text()}")
                sleep(0.002)

    def check(self) -> None:
        """Ask the worker whether it ran as many tasks as it was sent."""
        os.killpg(self._worker.pid, signal.SIGCONT)
        (answer,) = self._app.control.inspect(timeout=2).stats().values()
        ran = answer["total"].get(CELERY_TASK)
        if ran != self._sent:
            raise SystemExit(f"Celery's worker ran {ran} of {self._sent} tasks")

    def end(self) -> None:
        os.killpg(self._worker.pid, signal.SIGCONT)
        self._worker.terminate()
        self._worker.wait(PATIENCE)
        super().end()


def main() -> None:
    if len(sys.argv) > 1:  # one of its own processes
        name, place = sys.argv[1:]
        if name == WORKER:
            rates_program.work_for_celery(place)
        else:
            rates_program.serve(name, place)
        return
    rows = _measure()
    print(terminal(HEAD, rows))
    _write(rows)


def _measure() -> list[Sequence[str]]:
    with _settings() as (settings, reasons):
        rates = by_turns({name: each.measure for name, each in settings.items()}, ROUNDS)
        micros = {name: each.micros[WARM_UP:] for name, each in settings.items()}
        celery = settings.get(CELERY)
        if isinstance(celery, CelerySetting):
            celery.check()
            rates[WORKER] = celery.worker_rates[WARM_UP:]
    return [_row(step, rates, micros, reasons) for step in STEPS]


@contextmanager
def _settings() -> Iterator[tuple[dict[str, Setting], dict[str, str]]]:
    """Give what can be measured, and why the rest cannot."""
    settings: dict[str, Setting] = {}
    reasons: dict[str, str] = {}
    with ExitStack() as stack:
        base = stack.enter_context(tempfile.TemporaryDirectory(prefix="rates-"))
        for step in STEPS:
            name, folder = step.setting, tempfile.mkdtemp(dir=base)
            if name == CELERY:
                broker = _broker_or_reason(reasons)
                if broker is None:
                    continue
                settings[name] = CelerySetting(broker, folder)
            elif name != WORKER:  # which is Celery's setting, too
                program = name.removesuffix("-4")
                settings[name] = Setting(program, folder, step.processes)
            else:
                continue
            stack.callback(settings[name].end)
        yield settings, reasons


def _broker_or_reason(reasons: dict[str, str]) -> str | None:
    from tests.database_server import UnavailableError
    from tests.redis_server import server

    missing = [name for name in ("celery", "redis") if find_spec(name) is None]
    try:
        if missing:
            raise UnavailableError(f"{missing[0]} is not installed")
        return f"redis://127.0.0.1:{server().port}/0"  # it ends with this process
    except UnavailableError as error:
        reasons[CELERY] = reasons[WORKER] = str(error)
        return None


def _row(
    step: Step,
    rates: dict[str, list[float]],
    micros: dict[str, list[float]],
    reasons: dict[str, str],
) -> Sequence[str]:
    if step.setting in reasons:
        return step.what, f"not measured: {reasons[step.setting]}", "", ""
    mine, theirs = rates[step.setting], rates[step.reference]
    ratio = median(a / b for a, b in zip(mine, theirs, strict=True))
    added = ""
    if step.is_costed:
        pairs: Any = zip(micros[step.setting], micros[step.reference], strict=True)
        added = f"{median(a - b for a, b in pairs):+.0f} µs"
    return step.what, f"{median(mine):,.0f}", f"{ratio:.2f} x", added


def _write(rows: Sequence[Sequence[str]]) -> None:
    about = (
        f"Measured by `make rates` on {os.cpu_count()} cores with {describe_python()}, without a "
        "server: tasks that do nothing, one a response; medians of rounds, within each of which a "
        "row is compared with the first one of its framework."
    )
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} does not have both {BEGIN} and {END}")
    part = f"{about}\n\n{markdown(HEAD, rows)}"
    PAGE.write_text(f"{before}{begin}\n\n{part}\n\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
