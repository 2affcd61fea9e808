"""Taskiq, with NATS JetStream; its broker has to be started on the loop that sends."""

from __future__ import annotations

import sys

from nats.js.api import ConsumerConfig
from taskiq_nats import PullBasedJetStreamBroker

from bgtasks_adapters import handoff
from tests.engines.noted import note
from tests.engines.services import nats_url

broker = PullBasedJetStreamBroker(
    nats_url(),
    pull_consume_timeout=1,
    consumer_config=ConsumerConfig(durable_name="taskiq_durable", ack_wait=2),  # 30 s, by default
)


@broker.task
async def task(path: str, args: list[object], kwargs: dict[str, object]) -> None:
    await handoff.arun(path, args, kwargs)


@broker.task
async def native(*args: object, **kwargs: object) -> None:
    note(*args, **kwargs)


NATIVE_OPTIONS = {"delay_label": "none"}
WORKER = [sys.executable, "-m", "taskiq", "worker", f"{__name__}:broker", "--workers", "1"]
