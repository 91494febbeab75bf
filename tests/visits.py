"""A person's visit to one page: opens it or posts to it in their name, in English."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from crisis.models import User


def page(user: User, name: str, *arguments: Any, **query: str) -> str:
    """What a page says to them."""
    return _get(200, user, name, arguments, query)


def expect_status(status: int, user: User, name: str, *arguments: Any) -> None:
    """Open the page for its status alone."""
    _get(status, user, name, arguments, {})


def _get(status: int, user: User, name: str, arguments: tuple[Any, ...], query: dict[str, str]) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get(reverse(name, args=arguments), query)
    assert answer.status_code == status
    return answer.content.decode()


def post(user: User, name: str, *arguments: Any, **data: Any) -> Any:
    """Post, and follow to where it leads."""
    client = Client()
    client.force_login(user)
    return client.post(reverse(name, args=arguments), data, follow=True)
