"""What the demo prints."""

import platform
from collections.abc import Sequence
from importlib.metadata import version

from rich.console import Console
from rich.table import Table

from django_example.demo.checks import Check
from django_example.demo.visitor import Visit
from django_example.timeline.recording import RequestRecord


def print_heading(console: Console, server: str) -> None:
    """Say what runs."""
    console.print(
        f"[bold]bgtasks_adapters demo[/]: Django {version('Django')} under "
        f"{server} {version(server)}, Python {platform.python_version()}"
    )


def print_times(console: Console, visits: list[Visit], records: dict[int, RequestRecord]) -> None:
    """Print when each response ended and each task ran, since the request arrived."""
    table = Table(
        title="Milliseconds since the request arrived",
        title_justify="left",
        caption="Complete: the server has taken the last bytes. The client reads them at about the "
        "same moment, sometimes a little earlier than the server notes it.",
        caption_justify="left",
    )
    table.add_column("request")
    table.add_column("response\ncomplete", justify="right", style="blue")
    table.add_column("client\nhad it", justify="right")
    table.add_column("task")
    table.add_column("task\nstarted", justify="right", style="green")
    table.add_column("task\nended", justify="right", style="green")
    for visit in visits:
        record = records[visit.id]
        for task in record.tasks:
            table.add_row(
                visit.path,
                _since(record, record.response_ended_at),
                _since(record, visit.received_at),
                task.name,
                _since(record, task.started_at),
                _since(record, task.ended_at),
            )
    console.print(table)


def print_checks(console: Console, question: str, checks: Sequence[Check]) -> None:
    """Print what was looked at, and whether it was fine."""
    table = Table(title=question, title_justify="left", show_header=False)
    for check in checks:
        mark = "[bold green]yes[/]" if check.is_fine else "[bold red]NO[/]"
        table.add_row(mark, check.title, check.seen)
    console.print(table)


def _since(record: RequestRecord, moment: float | None) -> str:
    return "-" if moment is None else f"+{(moment - record.started_at) * 1000:.1f}"
