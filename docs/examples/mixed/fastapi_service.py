"""The FastAPI service."""

import os

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from notifications import welcome

api = FastAPI()
app = BackgroundTasksMiddleware(api, receipt=os.environ.get("RECEIPT"))


class Member(BaseModel):
    id: int
    address: str


@api.post("/members", response_class=PlainTextResponse)
async def join(members: list[Member]) -> str:
    for member in members:
        welcome(member.id, member.address)
    return "Welcome!"
