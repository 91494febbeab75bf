"""Posts of a delegated platform that it can be asked to spread: each has one address, and says what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from messaging.simulators.delegated_grammar import digest, normal
from messaging.simulators.delegated_rules import Refusal


class Posts:
    """What stands at which address. Of a platform that spreads none, `spread` is false."""

    def __init__(self, *, spread: bool) -> None:
        self.spread = spread
        self._texts: dict[str, str] = {}

    def put(self, url: str, text: str | None) -> None:
        """A post stands there from now on; without a text it is gone."""
        if text is None:
            self._texts.pop(plain(url), None)
        else:
            self._texts[plain(url)] = text

    def clear(self) -> None:
        self._texts.clear()

    def demand(self, order: Mapping[str, Any]) -> None:
        """Raises Refusal unless the order's post says one of its texts word for word."""
        text = self._text(order["post"]["url"])
        if text is None:
            raise Refusal(422, "post_not_found", "There is no such post.")
        if normal(text) not in map(normal, order["texts"].values()):
            raise Refusal(422, "post_differs", "The post does not say what was approved.")

    def compare(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Whether there is such a post, and which of the texts asked about it says."""
        text = self._text(asked["url"])
        told = [lang for lang, wanted in asked["text_sha256"].items() if text is not None and digest({lang: text}) == wanted]
        said = {"found": text is not None, "same": bool(told), "language": told[0] if told else None}
        return {**said, "canonical_url": plain(asked["url"])}

    def _text(self, url: str) -> str | None:
        if not self.spread:
            raise Refusal(422, "posts_not_supported", "This platform does not spread posts.")
        return self._texts.get(plain(url))


def plain(url: str) -> str:
    """The one address a post has here: without the host's www. or m., without query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.lower().removeprefix("www.").removeprefix("m.")
    return f"https://{host}{parts.path.rstrip('/')}"
