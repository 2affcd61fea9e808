"""What an engine still has of the tasks that nobody works on: the first argument of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from time import time
from typing import Any


def _of_celery(site: Any) -> list[str]:
    with site.app.connection_for_read() as connection:
        client = connection.default_channel.client
        queued = client.lrange("bgtasks-celery", 0, -1)
        return [_first_of_celery(each) for each in [*queued, *client.hvals("unacked")]]


def _first_of_celery(message: bytes) -> str:
    return "first" if b"first" in message else "another"


def _of_celery_on_rabbitmq(site: Any) -> list[str]:
    with site.app.connection_for_read() as connection:
        declared = connection.default_channel.queue_declare("bgtasks-celery", passive=True)
        return ["first"] * declared.message_count


def _of_django(site: Any) -> list[str]:
    from django_tasks_db.models import DBTaskResult

    running = DBTaskResult.objects.filter(status="RUNNING")
    return [each.args_kwargs["args"][1][0] for each in running]


def _of_dramatiq(site: Any) -> list[str]:
    client = site.broker.client
    kept = client.keys("bgtasks-dramatiq:__acks__.*")
    ids = [id for key in kept for id in client.smembers(key)]
    messages = [json.loads(each) for each in client.hmget("bgtasks-dramatiq:default.msgs", ids)]
    client.flushdb()  # or it would run again in the middle of another test, a minute later
    return [each["args"][1][0] for each in messages]


def _of_huey(site: Any) -> list[str]:
    return ["first"] * site.huey.storage.queue_size()


def _of_procrastinate(site: Any) -> list[str]:
    doing = site.app.job_manager.list_jobs(status="doing")
    return [each.task_kwargs["args"][0] for each in doing]


def _of_rq(site: Any) -> list[str]:
    from rq.registry import StartedJobRegistry

    registry = StartedJobRegistry(queue=site.queue)
    ids = registry.get_job_ids(cleanup=False)
    jobs = [site.queue.fetch_job(id) for id in ids]
    kept = [each.args[1][0] for each in jobs]
    registry.cleanup(time() + 90)  # what a worker does, from 90 seconds on
    assert [each.get_status() for each in jobs if each.args[1][0] == "first"] == ["failed"]
    return kept


def _of_taskiq(site: Any) -> list[str]:
    from redis import Redis

    from tests.engines.services import redis_url

    with Redis.from_url(redis_url()) as client:
        return ["first"] * client.llen("bgtasks-taskiq")


LEFT: dict[str, Callable[[Any], list[str]]] = {
    "celery": _of_celery,
    "celery_rabbitmq": _of_celery_on_rabbitmq,
    "django_tasks_db": _of_django,
    "dramatiq": _of_dramatiq,
    "huey": _of_huey,
    "huey_redis": _of_huey,
    "procrastinate": _of_procrastinate,
    "rq": _of_rq,
    "taskiq": _of_taskiq,
}
