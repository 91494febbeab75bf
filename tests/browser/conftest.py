"""One demonstration and one Chromium for the browser tests. Without Chromium they skip; in CI that is a failure.

Both end with this package: in the thread of an open browser runs an event loop, which would not let other tests use Django.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from crisis.demonstration import PASSWORD
from messaging.stage import free_ports

PROJECT = Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
READY_WITHIN = 90  # seconds
PATIENCE = 15_000  # milliseconds: both cores may be busy with other tests
WIDE: ViewportSize = {"width": 1366, "height": 768}
NARROW: ViewportSize = {"width": 390, "height": 844}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Demo:
    """`manage.py demo` as a newcomer starts it."""

    url: str
    process: subprocess.Popen[str]
    said: list[str]


@pytest.fixture(scope="package")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        complain = pytest.fail if os.environ.get("CI") else pytest.skip
        complain("No Chromium on this machine: install it to run the browser tests.")
    return str(found)


@pytest.fixture(scope="package")
def demo(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    (port,) = free_ports(1)
    data_dir = tmp_path_factory.mktemp("demo") / "var"
    argv = [sys.executable, "manage.py", "demo", "--port", str(port), "--data-dir", str(data_dir)]
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("CRISIS_", "PYTEST_"))}
    ours["CRISIS_FRESH_SECONDS"] = "3600"  # the tests watch for longer than five minutes
    process = subprocess.Popen(argv, cwd=PROJECT, env=ours, stdout=subprocess.PIPE, text=True)
    try:
        said = _until_ready(process)
        yield Demo(said[-1].removeprefix("ready "), process, said)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def _until_ready(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    late = Timer(READY_WITHIN, process.kill)
    late.start()
    said: list[str] = []
    for line in process.stdout:
        said.append(line.strip())
        if line.startswith("ready "):
            late.cancel()
            return said
    raise AssertionError(f"The demonstration was not ready within {READY_WITHIN} s: {said}")


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def at_screen(browser: Browser, demo: Demo) -> Iterator[Callable[..., Page]]:
    """`at_screen("anna")`: a person of the demonstration, logged in; the same screen whenever it is asked for again."""
    screens: dict[tuple[str, int, bool], Page] = {}
    spoken: dict[str, str] = {}
    known: dict[str, Any] = {}  # cookies: a code of the second step is taken once, so that each logs in once

    def sit_down(username: str, *, language: str = "en", viewport: ViewportSize = WIDE, dark: bool = False) -> Page:
        key = (username, viewport["width"], dark)
        if key not in screens:
            theme: Literal["dark", "light"] = "dark" if dark else "light"
            context = browser.new_context(viewport=viewport, color_scheme=theme, base_url=demo.url)
            context.set_default_timeout(PATIENCE)
            screens[key] = context.new_page()
            if username in known:
                context.add_cookies(known[username])
            else:
                log_in(screens[key], username)
                known[username] = context.cookies()
        if spoken.get(username) != language:
            speak(screens[key], language)
            spoken[username] = language
        return screens[key]

    yield sit_down
    for page in screens.values():
        page.context.close()


def log_in(page: Page, username: str) -> None:
    page.goto("/login/")
    page.fill("[name=login]", username)
    page.fill("[name=password]", PASSWORD)
    page.click("main form.panel [type=submit]")
    page.click(".demonstration [type=submit]")
    page.wait_for_url("**/")


def speak(page: Page, language: str) -> None:
    """Switch the person's language where it is another one: it belongs to the person, not to the screen."""
    page.goto("/")
    if page.locator("html").get_attribute("lang") != language:
        page.click(".menu summary")
        page.click(f".menu [name=language][value={language}]")
        page.wait_for_selector(f"html[lang={language}]")


def barriers(page: Page) -> tuple[dict[str, str], int]:
    """What keeps somebody from reading a page, by the rule it breaks, and by how many pixels it is too wide."""
    found = {one["id"]: one["nodes"][0]["html"][:160] for one in Axe().run(page).response["violations"]}
    return found, max(0, page.evaluate(OVERFLOW))


def expect_no_barrier(page: Page) -> None:
    """Nothing keeps anybody from reading it, and nothing is cut off."""
    assert barriers(page) == ({}, 0)
