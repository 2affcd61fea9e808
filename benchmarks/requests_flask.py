"""``python -m benchmarks.requests_flask``: whole requests of Flask and of bare WSGI, no server."""

from __future__ import annotations

import argparse

from benchmarks.results import Reach
from benchmarks.rows import Entry, Extent, Row, measure_wsgi, print_results

ROWS = (
    Row(
        "A bare WSGI callable: a request that queues nothing, with only the boundary around it",
        (Entry("wsgi_bare", "/none"), Entry("wsgi_ours", "/none")),
        Reach(3, of="difference"),
    ),
    Row(
        "Flask: a request that queues nothing",
        (Entry("flask_bare", "/none"), Entry("flask_ours", "/none")),
        Reach(1.05),
    ),
    Row(
        "Flask: a request with one `def` task",
        (
            Entry("flask_by_hand", "/def"),
            Entry("flask_ours", "/def"),
            Entry("flask_executor", "/def"),
            Entry("flask_thread", "/def"),
            Entry("flask_bare", "/none", "bare, without a task"),
        ),
        Reach(1.15),
        "By hand: `call_on_close` with `ThreadPoolExecutor.submit`.",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.requests_flask")
    parser.add_argument("--quick", action="store_true", help="take fewer rounds")
    is_quick = parser.parse_args().quick
    print_results(measure_wsgi(ROWS, Extent(9 if is_quick else 101, 200)))


if __name__ == "__main__":
    main()
