"""Fixtures of the whole suite: one migrated database, a copy of it a process, and copies of that for tests that must commit."""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.test import Client, override_settings
from pytest_django import DjangoDbBlocker
from redis import Redis
from xdist.scheduler import LoadFileScheduling

from crisis.models import User
from messaging import bell
from tests import world
from tests.engine import GROUP, TOKEN, Engine
from tests.faults.ground import administer, point_at
from tests.simulated import ENV
from tests.visits import screen_of
from tests.wire import Simulator, simulator

BROWSER = "tests/browser/"
# The longest files of few tests. Most of them wait more than they work: the suite has more processes than cores.
LONGEST = ("tests/faults/", BROWSER, "tests/test_commands.py", "tests/test_embedded.py", "tests/test_permission_walk.py",
           "tests/test_abuse_walk.py")  # fmt: skip
TEMPLATE = "test_crisis"
# Power changes between two persons. Tests about something else have the owner of the tables do it, in their own transaction.
OWNERS_HAND = """
CREATE OR REPLACE FUNCTION tests_grant(who bigint, roles text[], since timestamptz) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
    DELETE FROM crisis_user_groups WHERE user_id = who;
    INSERT INTO crisis_user_groups (user_id, group_id) SELECT who, id FROM auth_group WHERE name = ANY(roles);
    UPDATE crisis_user SET approver_since = since WHERE id = who AND 'supervisor' = ANY(roles);
$$;
CREATE OR REPLACE FUNCTION tests_place(who bigint, mission bigint, active boolean) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
    UPDATE crisis_user SET mission_id = mission, is_active = active WHERE id = who;
$$;
CREATE OR REPLACE FUNCTION tests_analyze() RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp AS 'ANALYZE public.audiences_presence, public.messaging_batch';
CREATE OR REPLACE FUNCTION tests_plant(bug text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$ BEGIN EXECUTE bug; END $$;
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole files, the longest first, then by their tests: no process is left with a long one when the others have done."""
    sizes = Counter(item.path for item in items)

    def rank(item: pytest.Item) -> tuple[int, int, str]:
        longest = [item.nodeid.startswith(name) for name in LONGEST]
        size = 0 if item.nodeid.startswith(BROWSER) else sizes[item.path]  # these follow one another in one demonstration
        return [*longest, True].index(True), -size, str(item.path)

    items.sort(key=rank)


class OneBrowser(LoadFileScheduling):  # type: ignore[misc]
    """A file's tests stay with one process, and all of the browser's: their demonstration is started once."""

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER if nodeid.startswith(BROWSER) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneBrowser | None:
    return OneBrowser(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    """Sentences are compared in English, whoever says them: a request, a verb, a thread. Forgets what a test before spoke."""
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def quick_hashes(settings: Any) -> None:
    """Passwords that are checked in no time, for tests that type many."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def django_db_setup(testrun_uid: str, worker_id: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Migrate a database as its owner, once for all processes; each works in a copy, as the application's restricted role.

    The migrated one stays until a next run replaces it.
    """
    with django_db_blocker.unblock():
        with (settings.DATA_DIR / "tests-migrated").open("a+") as note:
            fcntl.flock(note, fcntl.LOCK_EX)
            note.seek(0)
            if note.read() != testrun_uid:
                _migrate()
                note.truncate(0)
                note.write(testrun_uid)
            name = f"{TEMPLATE}_{worker_id}"
            administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            administer(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
        point_at(name)
    yield
    with django_db_blocker.unblock():
        administer(f'DROP DATABASE "{name}" WITH (FORCE)')


def _migrate() -> None:
    owner = connections["owner"]
    owner.settings_dict["TEST"]["NAME"] = TEMPLATE
    owner.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    with owner.cursor() as cursor:
        cursor.execute(OWNERS_HAND)


@pytest.fixture(scope="module")
def once(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """`once(Desk)`: make it once for a file, in a transaction around all tests of the file. A test changes a copy of it.

    Each test ends with going back to what was made. Not in a file that uses `committed`, which needs nobody at the template.
    """

    def make(what: Callable[[], Any]) -> Any:
        with django_db_blocker.unblock(), override_settings(LANGUAGE_CODE="en"):
            made = what()
            connections["default"].check_constraints()  # those that are deferred: now, and not after each test anew
        return made

    around = transaction.atomic()
    with django_db_blocker.unblock():
        around.__enter__()
    yield make
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A database of this test alone, where COMMIT means COMMIT. Yields its name."""
    with django_db_blocker.unblock():
        template = connections["owner"].settings_dict["NAME"]
        name = f"{template}_{uuid4().hex[:8]}"
        administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        point_at(name)
        try:
            yield name
        finally:
            point_at(template)
            administer(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def vk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A simulated VK without its limit of calls, for the tests of a file."""
    log = tmp_path_factory.mktemp("vk") / "journal"
    with simulator("vk", log, "--no-limit", env={"VK_SIM_TOKENS": json.dumps({TOKEN: GROUP})}) as running:
        yield running


@pytest.fixture(scope="module")
def _lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator("vk", tmp_path_factory.mktemp("vk") / "journal", "--no-limit", "--lively", env=ENV) as running:
        yield running


@pytest.fixture
def lively(_lively: Simulator) -> Simulator:
    """A simulated VK where people come, go and answer by themselves, as it was when it began."""
    _lively.control(reset=True)
    return _lively


@pytest.fixture
def engine(vk: Simulator, committed: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Everything that is needed to send by it, in a database of this test alone."""
    vk.control(reset=True)
    settings.CHANNEL_URLS = {**settings.CHANNEL_URLS, "vk-direct": vk.url}
    monkeypatch.setenv("VK_MINISTRY", TOKEN)
    return Engine(vk)


def _number() -> int:
    """A Redis database for each process of the suite, none of them the one that other tests ring in."""
    return 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 14


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker is rung for: nothing waits for a Redis that a test has no use for."""
    monkeypatch.setattr(bell, "ring", lambda lanes: True)


@pytest.fixture
def redis(settings: Any) -> Iterator[Redis]:
    settings.REDIS_URL = f"{settings.REDIS_URL.partition('?')[0]}?db={_number()}"
    bell.redis.cache_clear()
    bell.redis().flushdb()
    yield bell.redis()
    bell.redis().flushdb()
    bell.redis.cache_clear()


@pytest.fixture
def person() -> Callable[..., User]:
    """Make a person: `person("anna", "operator")`. Needs a database."""
    return world.person


@pytest.fixture
def anna() -> User:
    """An operator. Needs a database."""
    return world.person("anna", "operator")


@pytest.fixture
def boris() -> User:
    """A supervisor who may approve. Needs a database."""
    return world.person("boris", "supervisor")


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """The browser of a person who has just logged in."""
    return screen_of
