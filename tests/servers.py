"""Pytest plugin (`-p tests.servers`): real PostgreSQL and Valkey for one run of the suite, gone after it.

A plugin and not a fixture, because pytest-django reads the settings before any conftest. The data directory is a new
one below the temporary directory, never the one people work with; CRISIS_TEST_DATA_DIR names one to keep between runs.
Where DATABASE_URL is set, that server is used and none is started.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from crisis import embedded

PREFIX = "crisis-tests-"
RUN = pytest.StashKey[ExitStack]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Name the data directory before the settings are read; workers of pytest-xdist inherit the name."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return (yield)
    with ExitStack() as stack:
        os.environ["CRISIS_DATA_DIR"] = os.environ.get("CRISIS_TEST_DATA_DIR") or _new_directory(stack)
        result = yield
        early_config.stash[RUN] = stack.pop_all()  # only now: settings that fail end the run without pytest_unconfigure
        return result


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the servers, once for all workers and only when tests are to run."""
    only_asked = config.option.help or config.option.version or config.option.collectonly
    if RUN in config.stash and not only_asked and "DATABASE_URL" not in os.environ:
        try:
            config.stash[RUN].enter_context(embedded.servers(Path(os.environ["CRISIS_DATA_DIR"]), durable=False))
        except embedded.EmbeddedError as error:
            raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop them, then remove the directory."""
    if RUN in config.stash:
        config.stash[RUN].close()


def _new_directory(stack: ExitStack) -> str:
    _forget_killed_runs()
    path = tempfile.mkdtemp(prefix=PREFIX)
    stack.callback(shutil.rmtree, path, ignore_errors=True)
    return path


def _forget_killed_runs() -> None:
    """A run ended by kill -9 leaves its directory, though no process: remove ours when they are a day old."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        found = path.stat()
        if found.st_uid == os.getuid() and time.time() - found.st_mtime > 86_400 and not embedded.running(path):
            shutil.rmtree(path, ignore_errors=True)
