"""What a new member sets going. It knows of no framework, and of no server."""

from bgtasks_adapters import add_task, get_background_tasks
from notifications.delivery import call_webhook, send_digest, send_mail


def welcome(member: int, address: str) -> None:
    """Queue what follows when somebody has joined; call it in a view or in a ``task_scope()``."""
    add_task(send_mail, address, subject=f"Welcome, member {member}!")
    add_task(call_webhook, member)
    # Of several members that join at once, only the last has the team's digest sent.
    get_background_tasks().using(key="digest", name="digest").add_task(send_digest, member)
