"""A visitor of the site: fills in the four forms as a browser would."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from types import TracebackType
from typing import Any, Self

import httpx
from PIL import Image

from django_example.demo.waiting import DemoError, wait_until
from django_example.timeline.recording import RequestRecord, TaskRecord

NAME = "Ada Lovelace"
EMAIL = "ada@example.org"
FEEDBACK = "The page was there at once, and so was the mail."
PICTURE_SIZE = (4800, 3200)
ROWS = 20_000
TASK_SECONDS = 60


@dataclass(frozen=True)
class Visit:
    """One request as the visitor saw it; `id` is its number on the site's timeline."""

    id: int
    path: str
    received_at: float


class Visitor:
    """Sends forms to the site and reads its timeline."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, trust_env=False, timeout=TASK_SECONDS)

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.__exit__(kind, error, traceback)

    def open_home(self) -> str:
        """Return the home page; its cookie is the CSRF token that the forms must carry."""
        return self._client.get("/").raise_for_status().text

    def sign_up(self) -> Visit:
        """Become a member."""
        return self._post("/sign-up/", {"name": NAME, "email": EMAIL})

    def upload_picture(self) -> Visit:
        """Upload a photo of 15 megapixels."""
        return self._post("/pictures/", files={"original": ("photo.jpg", _photo())})

    def give_feedback(self) -> Visit:
        """Say something kind."""
        return self._post("/feedback/", {"text": FEEDBACK})

    def upload_contacts(self) -> Visit:
        """Upload a CSV file of ROWS rows."""
        rows = "".join(f"Person {n},person{n}@example.org\n" for n in range(ROWS))
        return self._post("/contacts/", files={"file": ("people.csv", "name,email\n" + rows)})

    def wait_for_tasks(self, visits: list[Visit]) -> dict[int, RequestRecord]:
        """Return the site's own records of the visits once each has had its task."""

        def ask() -> dict[int, RequestRecord] | None:
            records = self._records()
            done = all(visit.id in records and records[visit.id].tasks for visit in visits)
            return records if done else None

        return wait_until("all tasks had ended", ask, TASK_SECONDS)

    def _records(self) -> dict[int, RequestRecord]:
        answer = self._client.get("/timeline/requests.json").raise_for_status().json()
        return {item["id"]: _record(item) for item in answer["requests"]}

    def _post(
        self,
        path: str,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes | str]] | None = None,
    ) -> Visit:
        token = self._client.cookies["csrftoken"]
        response = self._client.post(
            path, data={**(data or {}), "csrfmiddlewaretoken": token}, files=files
        )
        received_at = time.time()
        if response.status_code != 302:
            raise DemoError(f"POST {path} was answered with {response.status_code}, not with 302")
        return Visit(int(response.headers["X-Timeline-Request"]), path, received_at)


def _record(item: dict[str, Any]) -> RequestRecord:
    return RequestRecord(**{**item, "tasks": [TaskRecord(**task) for task in item["tasks"]]})


def _photo() -> bytes:
    blue = Image.linear_gradient("L").resize(PICTURE_SIZE)
    clouds = Image.effect_noise((PICTURE_SIZE[0] // 8, PICTURE_SIZE[1] // 8), sigma=60)
    bands = (Image.radial_gradient("L").resize(PICTURE_SIZE), clouds.resize(PICTURE_SIZE), blue)
    content = BytesIO()
    Image.merge("RGB", bands).save(content, "JPEG")
    return content.getvalue()
