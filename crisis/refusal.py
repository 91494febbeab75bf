"""The one exception by which a rule says no, in sentences for the person who sees them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong and what to do about it. `field` names the form field or section, "" for the whole."""

    field: str
    sentence: Any  # a str or a lazy translation


class Refused(Exception):
    """A verb was not carried out and nothing was changed. `status` is the HTTP status a page answers with."""

    def __init__(self, sentence: Any = "", *, field: str = "", problems: Iterable[Problem] = (), status: int = 409) -> None:
        self.problems = [*problems] or [Problem(field, sentence)]
        self.status = status
        super().__init__(" ".join(str(p.sentence) for p in self.problems))


class Forbidden(Refused):
    """The person's role does not carry this action."""

    def __init__(self, sentence: Any) -> None:
        super().__init__(sentence, status=403)
