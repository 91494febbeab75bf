"""The theatre: embedded servers of one test alone, to which its connections and settings point meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings

from crisis import embedded
from messaging import bell
from tests.faults.ground import Ground, ground
from tests.faults.theatre import Theatre

Place = TypeVar("Place", bound=Theatre)


@contextmanager
def opened(kind: type[Place], data_dir: Path, settings: Settings) -> Iterator[Place]:
    settings.REDIS_URL = embedded.redis_url(data_dir)
    with embedded.servers(data_dir), _pointed_at(data_dir):
        bell.redis.cache_clear()
        place = kind(data_dir)
        try:
            place.open()
            yield place
        finally:
            place.close()
            bell.redis.cache_clear()


@pytest.fixture
def theatre(tmp_path: Path, settings: Settings, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Theatre]:
    with django_db_blocker.unblock(), opened(Theatre, tmp_path / "var", settings) as place:
        yield place


@pytest.fixture(scope="module")
def there(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Ground]:
    """The ground of the simulation."""
    with django_db_blocker.unblock(), ground(connections["owner"].settings_dict["NAME"]) as made:
        yield made


class _pointed_at:
    """Both roles' connections, at the servers of a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir, self.before = data_dir, {}

    def __enter__(self) -> None:
        for alias, role in (("default", "crisis_app"), ("owner", "owner")):
            connection = connections[alias]
            connection.close()
            self.before[alias] = dict(connection.settings_dict)
            there = embedded.database_settings(self.data_dir, role)
            connection.settings_dict.update(there, OPTIONS={**connection.settings_dict["OPTIONS"], **there["OPTIONS"]})

    def __exit__(self, *_: object) -> None:
        for alias, before in self.before.items():
            connections[alias].close()
            connections[alias].settings_dict.update(before)
