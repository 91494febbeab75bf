"""A person at their screen: logged in, and a visit to one page, opened or posted to in their name, in English."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.test import Client
from django.urls import reverse

from crisis.models import User


def screen_of(user: User, client: Client | None = None) -> Client:
    """A browser in which they have just logged in."""
    client = client or Client()
    client.force_login(user)
    remember(client, **proof(user, time.time()))
    return client


def remember(client: Client, **kept: Any) -> None:
    """Put this into the session of a browser."""
    session = client.session
    session.update(kept)
    session.save()


def proof(user: User, at: float) -> dict[str, Any]:
    """What a session remembers of a person who proved at that moment, in seconds since 1970, who they are."""
    records = [{"method": "password", "at": at}]
    return {AUTHENTICATION_METHODS_SESSION_KEY: records, f"{AUTHENTICATION_METHODS_SESSION_KEY}_user": str(user.pk)}


def page(user: User, name: str, *arguments: Any, **query: str) -> str:
    """What a page says to them."""
    return _get(200, user, name, arguments, query)


def expect_status(status: int, user: User, name: str, *arguments: Any) -> None:
    """Open the page for its status alone."""
    _get(status, user, name, arguments, {})


def _get(status: int, user: User, name: str, arguments: tuple[Any, ...], query: dict[str, str]) -> str:
    answer = screen_of(user).get(reverse(name, args=arguments), query)
    assert answer.status_code == status
    return answer.content.decode()


def post(user: User, name: str, /, *arguments: Any, **data: Any) -> Any:
    """Post, and follow to where it leads."""
    return screen_of(user).post(reverse(name, args=arguments), data, follow=True)
