"""A browser in the words its owner knows it by: "Firefox, Windows"."""

from __future__ import annotations

from django.utils.translation import gettext as _

# The first that is found in what the browser says of itself; later ones call themselves by earlier ones' names too.
PROGRAMS = {
    "YaBrowser": "Yandex", "Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chromium": "Chromium", "Chrome": "Chrome",
    "Safari": "Safari",
}  # fmt: skip
SYSTEMS = {"Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS": "macOS", "Linux": "Linux"}


def browser_name(agent: str) -> str:
    """From a User-Agent header. What it says is claimed, not proved."""
    found = [next((name for mark, name in names.items() if mark in agent), "") for names in (PROGRAMS, SYSTEMS)]
    return ", ".join(filter(None, found)) or _("unknown browser")
