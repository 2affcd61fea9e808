"""``python -m benchmarks.requests_asgi``: whole requests of ASGI frameworks, no server."""

from __future__ import annotations

import argparse
import asyncio

from benchmarks.results import Reach
from benchmarks.rows import Entry, Extent, Row, measure_asgi, print_results

STARLETTE = Entry("starlette", "/none", "Starlette, without a task")
NOTE = "The reference is Starlette's request without a task, measured by turns with the rest."


def _frameworks(kind: str) -> tuple[Row, ...]:
    page = f"/{kind}"
    words = "`async def`" if kind == "async" else "`def`"
    coroutines = (
        Entry("starlette_with_care", page),
        Entry("asgi_background", page),
        Entry("aiojobs", page),
    )
    return (
        Row(
            f"Starlette: a request with one {words} task",
            (
                STARLETTE,
                Entry("starlette_ours", page),
                Entry("starlette", page),
                *(coroutines if kind == "async" else ()),
                Entry(
                    "starlette_by_hand",
                    page,
                    "`asyncio.create_task`" if kind == "async" else "`ThreadPoolExecutor.submit`",
                ),
            ),
            remark=NOTE,
        ),
        Row(
            f"FastAPI: a request with one {words} task",
            (
                STARLETTE,
                Entry("fastapi_ours", page),
                Entry("fastapi", page),
                Entry("fastapi_taskflow", page),
                Entry("fastapi", "/none", "FastAPI, without a task"),
            ),
            remark=NOTE,
        ),
        Row(
            f"Litestar: a request with one {words} task",
            (
                STARLETTE,
                Entry("litestar_ours", page),
                Entry("litestar", page),
                Entry("litestar", "/none", "Litestar, without a task"),
            ),
            remark=NOTE,
        ),
        Row(
            f"Quart: a request with one {words} task",
            (
                STARLETTE,
                Entry("quart_ours", page),
                Entry("quart_own", page),
                Entry("quart_own", "/none", "Quart, without a task"),
            ),
            remark=NOTE,
        ),
    )


ROWS = (
    Row(
        "A bare ASGI callable: a request that queues nothing, with only the boundary around it",
        (Entry("asgi_bare", "/none"), Entry("asgi_ours", "/none")),
        Reach(3, of="difference"),
    ),
    *_frameworks("async"),
    *_frameworks("def"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.requests_asgi")
    parser.add_argument("--quick", action="store_true", help="take fewer rounds")
    is_quick = parser.parse_args().quick
    extent = Extent(7, 100) if is_quick else Extent(51, 200)
    print_results(asyncio.run(measure_asgi(ROWS, extent)))


if __name__ == "__main__":
    main()
