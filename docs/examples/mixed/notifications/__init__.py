"""What members are told: one package, shared by all services and scripts of the company."""

from notifications.welcome import welcome

__all__ = ["welcome"]
