"""What a test may assert of captured tasks, and what it is told where that does not hold."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from unittest import mock

import pytest
from flask import Flask, Response

from bgtasks_adapters import (
    BackgroundTasks,
    InvalidOptionError,
    add_task,
    get_background_tasks,
    task_scope,
)
from bgtasks_adapters.flask import init_app
from bgtasks_adapters.testing import CapturedTasks, CaptureError, capture_background_tasks

from .clients import (
    by_flask,
    by_httpx_asgi,
    by_starlette,
    by_starlette_with_lifespan,
)


def send_mail(address: str, *, subject: str = "Welcome!") -> None:
    """Do nothing."""


def index(*rows: int) -> None:
    """Do nothing."""


class Service:
    """A class whose methods are tasks."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Service) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def sync(self, number: int) -> None:
        """Do nothing."""


def captured_of(add: Callable[[], object]) -> CapturedTasks:
    with capture_background_tasks() as captured:
        by_flask(add)
    return captured


def message_of(assertion: Callable[[], object]) -> str:
    with pytest.raises(AssertionError) as raised:
        assertion()
    return str(raised.value)


@pytest.mark.parametrize(
    ("add", "expected"),
    [
        (lambda: add_task(send_mail, "ada"), (("ada",), {})),
        (lambda: add_task(send_mail, "ada"), ((), {"address": "ada"})),
        (lambda: add_task(send_mail, address="ada"), (("ada",), {})),
        (lambda: add_task(functools.partial(send_mail, "ada")), (("ada",), {})),
        (
            lambda: add_task(functools.partial(send_mail, subject="x"), "ada"),
            (("ada",), {"subject": "x"}),
        ),
        (lambda: add_task(send_mail, "ada"), ((mock.ANY,), {})),
        (lambda: add_task(send_mail, "ada"), ((), {})),
    ],
    ids=["same", "by keyword", "by position", "partial", "joined", "any", "no arguments"],
)
def test_a_call_is_found(
    add: Callable[[], object], expected: tuple[tuple[object, ...], dict[str, object]]
) -> None:
    """A call is found however its arguments were passed; without arguments any will do."""
    args, kwargs = expected
    captured = captured_of(add)
    task = captured.assert_added(send_mail, *args, **kwargs)
    assert task.func == captured[0].func
    with pytest.raises(AssertionError):
        captured.assert_not_added(send_mail, *args, **kwargs)
    captured.assert_not_added(send_mail, "somebody else")
    captured.assert_not_added(index)


def test_a_method_is_found() -> None:
    """A bound method is found on an equal object."""
    captured = captured_of(lambda: add_task(Service("a").sync, 1))
    captured.assert_added(Service("a").sync, 1)
    captured.assert_not_added(Service("b").sync)


def test_another_argument() -> None:
    """Of the same function it is said which argument differs, by its name."""
    captured = captured_of(lambda: add_task(send_mail, "ada", subject="Hello"))
    message = message_of(lambda: captured.assert_added(send_mail, "bob"))
    assert message == (
        "send_mail('bob') was not added.\n"
        "Added were:\n"
        "   1. send_mail('ada', subject='Hello')  [succeeded]\n"
        "       address: expected 'bob', was 'ada'\n"
        "       subject: was 'Hello', not expected"
    )
    message = message_of(lambda: captured.assert_added(send_mail, "ada", subject="Bye"))
    assert "subject: expected 'Bye', was 'Hello'" in message


def test_a_missing_argument() -> None:
    """An argument that was not passed is named."""
    captured = captured_of(lambda: add_task(send_mail, "ada"))
    message = message_of(lambda: captured.assert_added(send_mail, "ada", subject="Hello"))
    assert "subject: expected 'Hello', was not passed" in message


def test_an_impossible_call() -> None:
    """A call that the function does not take is not only missing, but cannot have been added."""
    captured = captured_of(lambda: add_task(send_mail, "ada"))
    message = message_of(lambda: captured.assert_added(send_mail, adress="ada"))
    assert "It cannot be called so: " in message
    assert "adress" in message.partition("Added were")[0]


def test_long_arguments() -> None:
    """Long values are compared line by line."""
    rows = list(range(100, 130))
    captured = captured_of(lambda: add_task(index, *rows))
    message = message_of(lambda: captured.assert_added(index, *rows[:-1], 7))
    assert "rows: - expected, + was" in message
    assert "- " in message.split("rows:")[1]
    assert "7" in message


def test_another_function() -> None:
    """What was added instead is listed, each with its fate."""
    captured = captured_of(lambda: (add_task(index, 1), add_task(index, 2)))
    message = message_of(lambda: captured.assert_added(send_mail, "ada"))
    assert message == (
        "send_mail('ada') was not added.\nAdded were:\n"
        "   1. index(1)  [succeeded]\n   2. index(2)  [succeeded]"
    )


def test_nothing_was_added() -> None:
    """Where nothing was added it is asked whether the line was reached."""
    captured = captured_of(lambda: None)
    message = message_of(lambda: captured.assert_added(send_mail))
    assert message.startswith("A task of send_mail was not added.\nNo task was.")
    assert "task_scope()" in message
    assert "was not added" in message_of(lambda: captured.assert_failed(send_mail))


def test_another_function_of_the_name() -> None:
    """Another object of the same name is pointed out: a decorator or a mock makes one."""

    @functools.wraps(send_mail)
    def decorated(address: str) -> None:
        """Do nothing."""

    captured = captured_of(lambda: add_task(decorated, "ada"))
    message = message_of(lambda: captured.assert_added(send_mail, "ada"))
    assert "Another function of its name was" in message


def test_what_was_added_in_spite_of_it() -> None:
    """A call that should not have been made is shown."""
    captured = captured_of(lambda: add_task(send_mail, "ada"))
    message = message_of(lambda: captured.assert_not_added(send_mail))
    assert message == "A task of send_mail was added:\n   1. send_mail('ada')  [succeeded]"


def test_no_function() -> None:
    """What is no function was never added as one."""
    with pytest.raises(InvalidOptionError, match="'send_mail' of type str is no function"):
        captured_of(lambda: None).assert_added("send_mail")  # type: ignore[arg-type]


def fail(error: Exception) -> None:
    raise error


async def hang() -> None:
    await asyncio.Event().wait()


def test_unexpected_failures() -> None:
    """Several failures are told together, and have theirs as the cause; each once."""
    with pytest.raises(AssertionError) as raised, capture_background_tasks():
        by_flask(lambda: (add_task(fail, LookupError("a")), add_task(fail, OSError("b"))))
    assert "fail(LookupError('a'))  [failed: LookupError('a')]" in str(raised.value)
    cause = raised.value.__cause__
    assert isinstance(cause, ExceptionGroup)
    assert [repr(error) for error in cause.exceptions] == ["LookupError('a')", "OSError('b')"]


def test_a_timeout_is_a_failure() -> None:
    """A task that took longer than its timeout failed, too, and may be expected to."""

    def add() -> None:
        get_background_tasks().using(timeout=0.01).add_task(hang)

    with pytest.raises(AssertionError, match="timed_out"), capture_background_tasks():
        by_flask(add)
    with capture_background_tasks() as captured:
        by_flask(add)
        assert isinstance(captured.assert_failed(hang), TimeoutError)


def test_expected_failures() -> None:
    """One that is asserted is expected, and fails nothing."""
    with capture_background_tasks() as captured:
        by_flask(lambda: add_task(fail, LookupError("a")))
        message = message_of(lambda: captured.assert_failed(fail, ValueError))
        assert message.startswith("A task of fail did not fail with ValueError:\n   1. fail(")
        assert repr(captured.assert_failed(fail, LookupError)) == "LookupError('a')"


def add_two_failures_and_expect_one() -> None:
    with capture_background_tasks() as captured:
        by_flask(lambda: (add_task(fail, LookupError("a")), add_task(fail, OSError("b"))))
        captured.assert_failed(fail, LookupError)


def test_other_failures() -> None:
    """The others still fail the test, and only they are named."""
    message = message_of(add_two_failures_and_expect_one)
    assert "OSError('b')" in message
    assert "LookupError('a')" not in message


def add_a_failure_and_divide_by_zero() -> None:
    with capture_background_tasks():
        by_flask(lambda: add_task(fail, LookupError("a")))
        _ = 1 / 0


def test_the_error_of_a_block_wins() -> None:
    """What a block raises by itself goes on, with a note of the tasks that failed."""
    with pytest.raises(ZeroDivisionError) as raised:
        add_a_failure_and_divide_by_zero()
    (note,) = raised.value.__notes__
    assert "[failed: LookupError('a')]" in note


def test_as_a_sequence() -> None:
    """Tasks are counted, indexed, sliced and iterated in the order in which they were added."""
    captured = captured_of(lambda: [add_task(index, number) for number in range(3)])
    assert len(captured) == 3
    assert [task.args for task in captured] == [(0,), (1,), (2,)]
    assert [task.args for task in captured[1:]] == [(1,), (2,)]
    assert captured[-1].kwargs == {}
    assert (captured[0].name, captured[0].error, captured[0].reason) == ("index", None, None)
    assert repr(captured[0]) == "<CapturedTask index(0)  [succeeded]>"
    assert repr(captured[:1]) == "[<CapturedTask index(0)  [succeeded]>]"


def test_nested() -> None:
    """A second capture is refused, saying where the first one is."""
    with (
        capture_background_tasks("never"),
        pytest.raises(CaptureError, match=r"by .*run='never'\) in .*test_assertions\.py:\d+"),
        capture_background_tasks(),
    ):
        pass
    with capture_background_tasks() as captured:
        by_flask(lambda: add_task(index))
        captured.assert_added(index)


def test_run_behind_the_block() -> None:
    """`run()` behind its block says that the context is gone."""
    with capture_background_tasks("later") as captured:
        by_flask(lambda: add_task(index))
    with pytest.raises(CaptureError, match=r"context .* is gone: .* Call run\(\) inside its block"):
        captured.run()


def test_a_failure_has_no_other_before_it() -> None:
    """What a task raised comes first, whatever the end of the response was made of."""
    with capture_background_tasks() as captured:
        by_flask(lambda: add_task(fail, LookupError("a")))
        error = captured.assert_failed(fail)
    assert error.__context__ is None


def test_a_parameter_by_its_name() -> None:
    """The decorator fills in a parameter that is called `captured`, without an annotation, too."""

    @capture_background_tasks("never")
    def decorated(captured):  # type: ignore[no-untyped-def]
        by_flask(lambda: add_task(index, 1))
        captured.assert_added(index, 1)

    decorated()


async def coroutine(ran: list[str]) -> None:
    ran.append("async")


@pytest.mark.parametrize("ask", [by_starlette, lambda view: asyncio.run(by_httpx_asgi(view))])
def test_run_behind_the_loop(ask: Callable[[Callable[[], object]], object]) -> None:
    """An async task whose event loop has ended is not run on another."""
    ran = list[str]()
    with capture_background_tasks("later") as captured:
        ask(lambda: add_task(coroutine, ran))
        with pytest.raises(CaptureError, match=r"context of coroutine is gone: .* loop"):
            captured.run()
    assert ran == []


def test_run_on_a_loop_that_goes_on() -> None:
    """The loop that `with TestClient(app)` keeps runs it, on its own thread."""
    threads: list[int] = []

    async def note() -> None:
        threads.append(threading.get_ident())

    with capture_background_tasks("later") as captured:
        by_starlette_with_lifespan(lambda: add_task(index))
        captured.run()
    assert captured[0].status == "succeeded"


def test_a_response_that_is_not_over() -> None:
    """A stream that nobody read is named, and what is to be done."""
    app = Flask(__name__)
    init_app(app)

    @app.route("/")
    def stream() -> Response:
        add_task(index, 1)
        return Response(iter([b"piece"]))

    capture = capture_background_tasks()
    captured = capture.__enter__()
    response = app.test_client().get("/")
    with pytest.raises(CaptureError, match=r"index\(1\): its response is not over. Read its body"):
        capture.__exit__(None, None, None)
    assert captured[0].status == "cancelled"
    response.close()
    assert captured[0].status == "cancelled"


def test_a_response_that_is_read() -> None:
    """A stream is over when it was read to its end."""
    app = Flask(__name__)
    init_app(app)

    @app.route("/")
    def stream() -> Response:
        add_task(index, 1)
        return Response(iter([b"piece"]))

    with capture_background_tasks() as captured:
        response = app.test_client().get("/")
        assert [task.status for task in captured] == ["pending"]
        assert response.data == b"piece"
        assert [task.status for task in captured] == ["succeeded"]


def test_a_task_that_does_not_end() -> None:
    """Behind `timeout` seconds a task that still runs on another thread is named."""
    has_begun, release = threading.Event(), threading.Event()

    def hold() -> None:
        has_begun.set()
        release.wait(10)

    elsewhere = threading.Thread(target=by_flask, args=(lambda: add_task(hold),))
    capture = capture_background_tasks(timeout=0.05)
    capture.__enter__()
    elsewhere.start()
    assert has_begun.wait(10)
    with pytest.raises(CaptureError, match=r"still runs, after 0\.05 s"):
        capture.__exit__(None, None, None)
    release.set()
    elsewhere.join(10)


@pytest.mark.parametrize(
    ("capture", "message"),
    [
        (lambda: capture_background_tasks("nwo"), "run='nwo'"),  # type: ignore[arg-type]
        (lambda: capture_background_tasks(timeout=0), "timeout=0"),
        (lambda: capture_background_tasks(index), r"Write: @capture_background_tasks\(\)"),  # type: ignore[arg-type]
        (lambda: capture_background_tasks()(Service), "take the mixin"),
    ],
)
def test_misuse(capture: Callable[[], object], message: str) -> None:
    """Bad arguments are refused, saying what is good."""
    with pytest.raises(InvalidOptionError, match=message):
        capture()


def test_options_and_keys() -> None:
    """A task that was replaced or taken back is seen, with its reason."""

    def add() -> None:
        tasks: BackgroundTasks = get_background_tasks()
        tasks.using(key="k", name="labelled").add_task(index, 1)
        tasks.using(key="k").add_task(index, 2)

    captured = captured_of(add)
    assert [task.status for task in captured] == ["replaced", "succeeded"]
    assert captured[0].name == "labelled"
    assert "took its place" in str(captured[0].reason)


def test_a_refused_task_is_not_captured() -> None:
    """What `add_task` refuses was not added."""
    with capture_background_tasks() as captured, task_scope(), pytest.raises(TypeError):
        add_task(5)  # type: ignore[arg-type]
    assert len(captured) == 0
