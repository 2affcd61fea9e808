"""What the sections under real servers stand on: wrk's output, the client, and the servers."""

from __future__ import annotations

import shutil
import socket
from functools import partial

import pytest

from benchmarks.arrivals import ClientError, answer_times, is_complete
from benchmarks.serving import Server, ServingError, serving, start
from benchmarks.wrk import Load, WrkError, find_wrk, read_output, run_wrk

RECORDED = """\
Running 1s test @ http://127.0.0.1:8102/async
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.20ms  356.72us   4.10ms   66.85%
    Req/Sec     6.70k     1.13k    8.22k    63.64%
  7334 requests in 1.10s, 0.94MB read
Requests/sec:   6668.81
Transfer/sec:      0.86MB
"""

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


def test_output_of_wrk() -> None:
    """The counts of a run are read from what wrk prints."""
    assert read_output(RECORDED) == Load(requests=7334, seconds=1.1, rate=6668.81)


@pytest.mark.parametrize(
    "line",
    ["  Socket errors: connect 0, read 3, write 0, timeout 0", "  Non-2xx or 3xx responses: 7"],
)
def test_bad_answers(line: str) -> None:
    """A run in which some answers were not good gives no figure, but the line that says so."""
    with pytest.raises(WrkError, match=line.partition(":")[2].strip()):
        read_output(RECORDED.replace("Requests/sec", f"{line}\nRequests/sec"))


def test_other_output() -> None:
    """What is not wrk's is shown, not taken for a count."""
    with pytest.raises(WrkError, match="something else: usage"):
        read_output("usage: wrk")


def test_wrk_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without wrk a section says what to install."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WrkError, match="install the package"):
        find_wrk()


@pytest.mark.parametrize(
    ("received", "is_whole"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
    ],
)
def test_whole_responses(received: bytes, is_whole: bool) -> None:
    """The client knows the end of a response in both framings."""
    assert is_complete(received) is is_whole


def test_responses_that_are_none() -> None:
    """An error page is not an answer."""
    with pytest.raises(ClientError, match="500 Internal"):
        is_complete(b"HTTP/1.1 500 Internal Server Error\r\n\r\n")


def test_a_site_and_one_that_does_not_start() -> None:
    """A site answers under uvicorn, at a rate too; another's failure is told; both are ended."""
    began: list[Server] = []

    def begin(site: str) -> Server:
        began.append(start(site, "uvicorn"))
        return began[-1]

    sites = {"good": "benchmarks.sites.asgi_ours", "bad": "benchmarks.sites.is_absent"}
    with serving({name: partial(begin, site) for name, site in sites.items()}) as served:
        assert list(served.running) == ["good"]
        assert "is_absent" in served.failures["bad"]
        server = served.running["good"]
        assert server.get("/none") == b"ok"
        assert server.get_json("/ran")["ran"] == 0
        taken = answer_times(server.port, "/async", rate=100, seconds=0.1)
        assert len(taken) == 10
        assert min(taken) > 0
    assert all(each.process.poll() is not None for each in began)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0
    with pytest.raises(ServingError):
        server.get("/none")


@needs_wrk
def test_wrk_itself() -> None:
    """wrk's output of today is read as the recorded one."""
    with serving({"ours": lambda: start("benchmarks.sites.asgi_ours", "uvicorn")}) as served:
        load = run_wrk(served.running["ours"].url("/none"), seconds=1, connections=2)
    assert load.requests > 0
    assert load.rate == pytest.approx(load.requests / load.seconds, rel=0.05)
