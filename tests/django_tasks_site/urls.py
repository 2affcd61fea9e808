"""Views that enqueue a task, which waits at the test's gate, and one that shows a status."""

from django.http import HttpRequest, HttpResponse
from django.tasks import default_task_backend, task
from django.urls import path

from bgtasks_adapters.contract.served.announce import announce, announce_async


@task
def at_the_gate(visit: str) -> None:
    announce(visit, "task", "started", hold=True)


@task
async def at_the_gate_async(visit: str) -> None:
    await announce_async(visit, "task", "started", hold=True)


def enqueue(request: HttpRequest) -> HttpResponse:
    return HttpResponse(at_the_gate.enqueue(request.GET["visit"]).id)


async def enqueue_async(request: HttpRequest) -> HttpResponse:
    result = await at_the_gate_async.aenqueue(request.GET["visit"])
    return HttpResponse(result.id)


def status(request: HttpRequest) -> HttpResponse:
    return HttpResponse(default_task_backend.get_result(request.GET["id"]).status)


urlpatterns = [
    path("def", enqueue),
    path("async", enqueue_async),
    path("status", status),
]
