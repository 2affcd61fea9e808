"""The demo from beginning to end."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from django_example.demo import checks
from django_example.demo.receivers import running_mail_server, running_webhook_receiver
from django_example.demo.report import print_checks, print_heading, print_times
from django_example.demo.server import (
    environment_of,
    migrate,
    refuse_used_port,
    running_site,
)
from django_example.demo.visitor import Visit, Visitor
from django_example.demo.waiting import DemoError

Step = Callable[[str], None]
STEPS = 8


def tell(server: str, port: int, *, once: bool) -> None:
    """Start everything, visit the site, check the outcome, and serve until Ctrl-C unless `once`.

    Raises DemoError with the reason if anything is not as it should be.
    """
    console = Console()
    print_heading(console, server)
    if port:
        refuse_used_port(port)
    with ExitStack() as stack:
        data = Path(stack.enter_context(TemporaryDirectory(prefix="django_example_")))
        receipt = data / "receipt.jsonl"
        with _steps(console) as step:
            step("Starting the mail server and the webhook receiver")
            mailbox = stack.enter_context(running_mail_server())
            webhooks = stack.enter_context(running_webhook_receiver())
            environment = environment_of(data, receipt, mailbox.port, webhooks.url)
            step("Migrating the database")
            migrate(environment)
            step(f"Starting {server}")
            log = data / "server.log"
            site = stack.enter_context(running_site(server, port, environment, log))
            visitor = stack.enter_context(Visitor(site.address))
            visits = _visit(visitor, step)
            step("Waiting for the tasks")
            records = visitor.wait_for_tasks(visits)

        print_times(console, visits, records)
        visited = [records[visit.id] for visit in visits]
        _judge(
            console,
            "Was the work really done?",
            checks.check_order(visited),
            checks.check_client(visits, records),
            checks.check_mail(mailbox.mails),
            checks.check_thumbnail(data / "media"),
            checks.check_webhook(webhooks.bodies),
            checks.check_rows(data / "site.sqlite3"),
            checks.check_page(visitor.open_home(), visited),
        )
        if not once:
            with suppress(KeyboardInterrupt):
                console.print(f"The site is at [bold]{site.address}[/] and serves until Ctrl-C.")
                site.wait()
        site.stop()
        _judge(console, "And when the server ended?", checks.check_receipt(receipt))
        console.print(f"[bold green]The demo succeeded[/] ({server}).")


def _visit(visitor: Visitor, step: Step) -> list[Visit]:
    step("Signing up")
    visitor.open_home()
    visits = [visitor.sign_up()]
    step("Giving feedback")
    visits.append(visitor.give_feedback())
    step("Uploading a picture")
    visits.append(visitor.upload_picture())
    step("Uploading contacts")
    visits.append(visitor.upload_contacts())
    return visits


def _judge(console: Console, question: str, *found: checks.Check) -> None:
    print_checks(console, question, found)
    if wrong := [f"{check.title}: {check.seen}" for check in found if not check.is_fine]:
        raise DemoError("; ".join(wrong))


@contextmanager
def _steps(console: Console) -> Iterator[Step]:
    columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=STEPS)

        def step(description: str) -> None:
            progress.update(bar, description=description, advance=1)

        yield step
        progress.update(bar, description="All requests played, all tasks ended")
