"""Forms as a Russian-speaking person sends them, and what is not Russian in the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import translation

from crisis.models import User
from tests.reading import unread
from tests.visits import screen_of
from tests.watch import KNOWN, Watch

LONG = "ы" * 5000
HEADER = {
    "contacts": "contact,language\n",
    "addresses": "contact,kind,value,subscribed,permitted,denied\n",
    "sightings": "kind,value,country,lat,lon,seen_at\n",
}
# Words of files, which are the same in every language.
COLUMNS = frozenset(name for names in HEADER.values() for name in names.strip().split(","))
ADDRESSES = frozenset({"vk", "phone", "push", "webpush", "email", "telegram", "max"})
CELLS = COLUMNS | ADDRESSES | {"ru", "en", "yes", "no", "true", "false", "name", "people.csv", "люди.csv"}
OF_DJANGO = frozenset({"True", "False", "Search"})  # what its admin says in English to everybody


class Post(NamedTuple):
    """One form sent. It is followed to where it leads; `status` is of what was answered first."""

    who: str
    name: str
    args: tuple[Any, ...]
    data: dict[str, Any]
    status: int


@pytest.fixture(autouse=True)
def quiet_bell(quiet: None, settings: Any) -> None:
    settings.LANGUAGE_CODE = "ru"


@pytest.fixture(name="watch")
def russian_watch() -> Iterator[Watch]:
    """The shift, worked in Russian."""
    with translation.override("ru"):
        yield Watch()


def browser(who: str, **more: Any) -> Client:
    client = Client(headers={"Accept-Language": "ru"}, **more)
    if who:
        screen_of(User.objects.get(username=who), client)
    return client


def answered(posts: Iterator[Post]) -> Iterator[str]:
    """What is not Russian in the answers, one line a form. A form that a browser sends is never empty."""
    for post in posts:
        cache.clear()  # allauth counts attempts there
        answer = browser(post.who).post(reverse(post.name, args=post.args), {"sent": "1", **post.data}, follow=True)
        first = answer.redirect_chain[0][1] if answer.redirect_chain else answer.status_code
        about = f"{post.name} {str(post.data)[:70]} ({post.who or 'stranger'})"
        if first != post.status:
            yield f"{about}: status {first}"
        more = CELLS if post.name.startswith("import") else OF_DJANGO if ":" in post.name else frozenset()
        if words := unread(answer, known=KNOWN | more):
            yield f"{about} → {' '.join(words)}"
