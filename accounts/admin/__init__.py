"""The staff's screens of this app. Every change on them goes through a service."""

from accounts.admin import applications, catalogue, events, users

__all__ = ["applications", "catalogue", "events", "users"]
