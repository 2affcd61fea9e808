"""``python -m bgtasks_adapters doctor``: measure a real deployment.

And ``journal``: look after what crashes have left.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from bgtasks_adapters.doctor.examination import (
    START_SECONDS,
    Examination,
    examine,
    examine_command,
)
from bgtasks_adapters.doctor.report import as_json, show_progress, table
from bgtasks_adapters.doctor.target import DoctorError, Target
from bgtasks_adapters.exceptions import BackgroundTasksError
from bgtasks_adapters.inventory import add_commands, perform
from bgtasks_adapters.journal import Journal
from bgtasks_adapters.probes import HOLD_SECONDS
from bgtasks_adapters.settings import DOCTOR_TOKEN_VARIABLE

DESCRIPTION = """\
Measure whether clients get their responses while tasks still run, and whether tasks survive what
happens to clients and servers.

  doctor -- gunicorn -k gthread shop.wsgi         start that command, measure it, end it
  doctor --url https://host/ --token T            measure a server that runs

A server that is to be measured by its URL must have been started with BGTASKS_DOCTOR_TOKEN=T in its
environment. Exit status: 0 if no client was held and no task lost, 1 if one was, 2 if nothing
could be measured."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    at = given.index("--") if "--" in given else len(given)
    options = _parser().parse_args(given[:at])
    if options.command == "journal":
        return _look_after(options)
    command = given[at + 1 :]
    try:
        examination = _examine(options, command)
    except DoctorError as error:
        print(f"doctor: {error}", file=sys.stderr)
        return 2
    print(as_json(examination) if options.json else table(examination))
    return 0 if examination.is_healthy else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bgtasks_adapters")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    doctor = commands.add_parser(
        "doctor",
        help="measure a real deployment",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [--json] (--url URL --token TOKEN | -- COMMAND...)",
    )
    doctor.add_argument("--url", help="of a server that runs")
    doctor.add_argument("--token", help=f"that of the server's {DOCTOR_TOKEN_VARIABLE}")
    doctor.add_argument(
        "--start-timeout",
        type=float,
        default=START_SECONDS,
        metavar="SECONDS",
        help="how long a command may take until it listens (default: %(default)g)",
    )
    doctor.add_argument(
        "--hold",
        type=float,
        default=HOLD_SECONDS,
        metavar="SECONDS",
        help="how long a task waits for the doctor, which has to come with the next request "
        "(default: %(default)g; more on a slow line)",
    )
    doctor.add_argument("--json", action="store_true", help="print JSON instead of a table")
    journal = commands.add_parser(
        "journal",
        help="look after a journal: list, retry, discard",
        description="Show what a journal keeps, run it again, or throw it away. Exit status: 0 if "
        "that was done, 1 if not.",
    )
    journal.add_argument("file", help="the path that is the setting journal")
    add_commands(journal)
    return parser


def _look_after(options: argparse.Namespace) -> int:
    if not os.path.isfile(options.file):
        print(f"journal: there is no file {options.file}", file=sys.stderr)
        return 1
    journal = Journal(options.file)
    try:
        print(perform(vars(options), journal.store, journal.leases))
    except BackgroundTasksError as error:
        print(f"journal: {error}", file=sys.stderr)
        return 1
    finally:
        journal.close()
    return 0


def _examine(options: argparse.Namespace, command: list[str]) -> Examination:
    if command and options.url:
        raise DoctorError("Both a command and --url were given: use one of them.")
    if command:
        return examine_command(command, show_progress, options.start_timeout, options.hold)
    if not options.url:
        raise DoctorError(
            "Nothing to measure was given. Use: doctor -- COMMAND, with what starts the server "
            "behind the two dashes; or doctor --url URL --token TOKEN"
        )
    token = options.token or os.environ.get(DOCTOR_TOKEN_VARIABLE)
    if not token:
        raise DoctorError(
            f"--url needs --token: what {DOCTOR_TOKEN_VARIABLE} is in the server's environment."
        )
    target = replace(Target.of_url(options.url, token), hold=options.hold)
    return examine(target, show_progress)


if __name__ == "__main__":
    sys.exit(main())
