"""Tasks that note that they ran; a test looks at ``ran`` behind ``drain()``."""

from __future__ import annotations

ran: list[str] = []


def note(text: str) -> None:
    ran.append(text)


async def async_note(text: str) -> None:
    ran.append(text)
