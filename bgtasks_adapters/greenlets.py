"""What differs where threads are greenlets (gevent, eventlet, patched in): all that knows of it.

There, every thread of ``threading`` is a greenlet on one thread of the operating system, and a hub
switches between them. The two libraries are not named or imported: what they put in the place of
``_thread`` is enough.
"""

from __future__ import annotations

import _thread
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable


def are_threads_greenlets() -> bool:
    """Tell whether somebody has put greenlets in the place of this process's threads."""
    return type(threading.Lock()).__module__ != "_thread"


def start_soon(function: Callable[[], object]) -> None:
    """Call a function on a greenlet of its own, when the one that runs now waits for something.

    Never waits itself, as ``threading.Thread.start`` does: the handler of a signal cannot, if it
    came in the hub.
    """
    _thread.start_new_thread(function, ())


class Bell:
    """What the handler of a signal rings to have an error raised in the main greenlet.

    A handler interrupts any greenlet. What it raised itself, a thread would keep for itself, and
    so would a destructor, of which many run in the hub. So a greenlet that is no thread waits for
    the bell and raises the error, which the hub then passes on to the main greenlet.
    """

    def __init__(self) -> None:
        import socket

        self._pid = os.getpid()
        self._error: BaseException | None = None
        self._inside, self._outside = socket.socketpair()
        self._outside.setblocking(False)
        start_soon(self._wait)

    def _wait(self) -> None:
        self._inside.recv(1)
        if self._error is not None:
            raise self._error

    def ring(self, error: BaseException) -> None:
        """Raise an error in the main greenlet: at once, if it is the one that runs.

        At once, too, in a forked child, whose parent must not hear the bell.
        """
        getcurrent: Any = sys.modules["greenlet"].getcurrent
        if getcurrent().parent is None or self._pid != os.getpid():
            raise error
        self._error = error
        self._outside.send(b"!")


class _Marks(NamedTuple):
    """What asyncio leaves on a thread of the operating system while a loop runs there.

    All greenlets of that thread see it: ordinary code seems to run on the loop, and no other loop
    can run.
    """

    running_loop: AbstractEventLoop | None
    asyncgen_hooks: tuple[Any, Any]


_NO_MARKS = _Marks(None, (None, None))


def _exchange(marks: _Marks) -> _Marks:
    """Set marks, and return those that were there."""
    import asyncio

    previous = _Marks(asyncio._get_running_loop(), sys.get_asyncgen_hooks())
    asyncio._set_running_loop(marks.running_loop)
    sys.set_asyncgen_hooks(*marks.asyncgen_hooks)
    return previous


def new_loop() -> AbstractEventLoop:
    """Make a loop that takes its marks off while it waits, which is when others come to run.

    It can so run beside other loops: that of an ``asyncio.run`` in another greenlet, for one.
    """
    import asyncio
    import selectors

    class Selector(selectors.DefaultSelector):  # the greenlets' own, by now
        marks_of_others = _NO_MARKS

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            ours = _exchange(self.marks_of_others)
            try:
                return super().select(timeout)
            finally:
                self.marks_of_others = _exchange(ours)

    class Loop(asyncio.SelectorEventLoop):
        def __init__(self, selector: Selector) -> None:
            super().__init__(selector)
            self._own_selector = selector

        def run_forever(self) -> None:
            self._own_selector.marks_of_others = _exchange(_NO_MARKS)
            try:
                super().run_forever()
            finally:
                _exchange(self._own_selector.marks_of_others)

    return Loop(Selector())
