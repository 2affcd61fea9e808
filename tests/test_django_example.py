"""The demo does on real servers what it promises, and the timeline draws what was recorded."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.template import Context, Engine

from bgtasks_adapters import BackgroundTask, TaskEvent
from django_example.demo.checks import check_client
from django_example.demo.visitor import Visit
from django_example.timeline.chart import Chart, draw_chart, duration
from django_example.timeline.recording import RequestRecord, TaskRecord, Timeline

ROOT = Path(__file__).resolve().parents[1]
DEMO_SECONDS = 180


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "django_example.demo", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )


def draw(*requests: RequestRecord) -> tuple[Chart, str]:
    chart = draw_chart(requests)
    templates = ROOT / "django_example" / "timeline" / "templates"
    template = Engine(dirs=[str(templates)]).get_template("timeline/chart.html")
    return chart, template.render(Context({"chart": chart}))


def sign_up(*tasks: TaskRecord) -> RequestRecord:
    return RequestRecord(
        id=1,
        method="POST",
        path="/sign-up/",
        started_at=1000.0,
        status=302,
        response_ended_at=1000.1,
        tasks=list(tasks),
    )


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_demo_succeeds(server: str) -> None:
    """The four requests are answered before their tasks begin, and all work is done."""
    done = run_demo("--once", "--server", server)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "4 succeeded, each began after its response",
        "of 4 responses while their task still ran",
        "to ada@example.org: Welcome, Ada Lovelace!",
        "JPEG of 320 x 213 pixels",
        '[{"feedback": 1, "text":',
        "20,000 of 20,000",
        "4 added = 4 succeeded",
        f"The demo succeeded ({server}).",
    ):
        assert line in done.stdout
    assert done.stderr == ""


def test_demo_says_that_its_port_is_taken() -> None:
    """A port that somebody else uses ends the demo at once, with a sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run_demo("--once", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "choose another with --port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("received_at", "is_fine"), [(1000.2, True), (1000.5, False)])
def test_demo_notices_a_held_client(received_at: float, is_fine: bool) -> None:
    """A response that comes only after its task fails the demo."""
    record = sign_up(TaskRecord("send_mail", "succeeded", 1000.1, 1000.4))
    check = check_client([Visit(record.id, record.path, received_at)], {record.id: record})
    assert check.is_fine is is_fine


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.0004, "0.4 ms"),
        (0.00996, "10 ms"),
        (0.2, "200 ms"),
        (1.25, "1.25 s"),
        (12.0, "12 s"),
        (-0.0002, "-0.2 ms"),
    ],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    """A duration has at most three digits and the unit that suits it."""
    assert duration(seconds) == text


def test_a_task_begins_where_the_response_ended() -> None:
    """Response and task lie on one axis, in percent of its length."""
    chart, html = draw(sign_up(TaskRecord("send_mail", "succeeded", 1000.1, 1000.4)))
    [row] = chart.rows
    assert row.bar is not None
    assert (row.bar.left, row.bar.width, row.bar.duration) == ("0.000%", "25.000%", "100 ms")
    assert row.tasks[0].bar is not None
    assert (row.tasks[0].bar.left, row.tasks[0].bar.width) == ("25.000%", "75.000%")
    assert row.tasks[0].delay == "0 ms"
    assert [tick.label for tick in chart.ticks][:3] == ["0 ms", "50 ms", "100 ms"]
    assert chart.ticks[-1].left == "100.000%"
    assert "left:25.000%;width:75.000%" in html
    for text in ("POST", "/sign-up/", "302", "send_mail", "succeeded", "300 ms"):
        assert text in html


def test_requests_share_the_axis_of_the_longest() -> None:
    """A short request beside a long one gets a short bar."""
    long = RequestRecord(2, "GET", "/", 2000.0, 200, 2000.4)
    chart, _ = draw(long, sign_up())
    assert [row.bar and row.bar.width for row in chart.rows] == ["100.000%", "25.000%"]


def test_a_failed_task_is_shown_with_its_error() -> None:
    """A failure is marked, and named by its class only."""
    _, html = draw(sign_up(TaskRecord("send_mail", "failed", 1000.1, 1000.2, "OSError")))
    assert '<em class="bad">OSError</em>' in html


def test_a_task_that_never_ran_has_no_bar() -> None:
    """A skipped task is listed with the reason."""
    chart, html = draw(sign_up(TaskRecord("send_mail", "skipped", None, None, "the view raised")))
    assert chart.rows[0].tasks[0].bar is None
    assert "did not run" in html
    assert "the view raised" in html


def test_a_request_in_progress_has_no_bar_yet() -> None:
    """A request without a response is drawn, too."""
    chart, html = draw(RequestRecord(3, "GET", "/<b>", 3000.0))
    assert chart.rows[0].bar is None
    assert "in progress" in html
    assert "/&lt;b&gt;" in html


def test_an_empty_timeline_says_so() -> None:
    """Without requests there is a sentence instead of bars."""
    _, html = draw()
    assert "No requests yet" in html


def test_only_the_latest_requests_are_kept() -> None:
    """The memory of the timeline is bounded, and the latest request comes first."""
    timeline = Timeline(limit=2)
    for path in ("/1", "/2", "/3"):
        timeline.begin("GET", path)
    assert [record.path for record in timeline.requests()] == ["/3", "/2"]


def test_the_response_ends_when_its_tasks_are_dispatched() -> None:
    """The observer's dispatch time replaces the moment when the view had answered."""
    timeline = Timeline()
    record = timeline.begin("POST", "/")
    timeline.answer(record, 302)
    event = TaskEvent(
        kind="failed",
        task=BackgroundTask(print),
        error=ValueError("secret"),
        dispatched_at=record.started_at + 1,
        started_at=record.started_at + 2,
        ended_at=record.started_at + 3,
    )
    timeline.add_task(record, event)
    [kept] = timeline.requests()
    assert kept.response_ended_at == record.started_at + 1
    assert kept.tasks == [
        TaskRecord("print", "failed", record.started_at + 2, record.started_at + 3, "ValueError")
    ]
