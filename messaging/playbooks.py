"""Using a playbook: which ones fit, which of its blanks the console fills, and what it says once all are filled."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from django.db import connection
from django.db.models import Count

from messaging.beginning import Facts
from messaging.models import PlaybookVersion
from messaging.models.playbooks import APPROVALS
from messaging.wording import Words, blanks

Values = Mapping[str, Mapping[str, str]]  # language → blank → what stands there instead


def usable(category: str = "") -> list[PlaybookVersion]:
    """The version in use of every playbook that is approved and not retired and fits this kind of incident."""
    rows = PlaybookVersion.objects.filter(playbook__retired_at=None).annotate(n=Count("approvals")).filter(n__gte=APPROVALS)
    newest = {row.playbook_id: row for row in rows.select_related("playbook").order_by("number")}
    fitting = [row for row in newest.values() if not category or row.playbook.fits(category)]
    return sorted(fitting, key=lambda row: (not row.playbook.categories, row.playbook.name))


def blanks_of(version: PlaybookVersion, language: str) -> list[str]:
    """The names of its blanks in this language, in order, each once."""
    text = version.texts.get(language, {})
    found = (blank[1:-1] for part in Words._fields for blank in blanks(text.get(part, "")))
    return list(dict.fromkeys(found))


def known_values(version: PlaybookVersion, facts: Facts) -> dict[str, dict[str, str]]:
    """Those of its blanks that the console fills by itself."""
    known = {code: {blank[1:-1]: value for blank, value in facts.known(code).items()} for code in version.said}
    return {code: {n: known[code][n] for n in blanks_of(version, code) if n in known[code]} for code in version.said}


def filled_words(version: PlaybookVersion, values: Values) -> dict[str, Words]:
    """What it says with these values, by the database's own function: that is what a message from it is compared with."""
    return {code: Words(*_fill(Words(**text), values.get(code, {}))) for code, text in version.said.items()}


def _fill(texts: Iterable[str], values: Mapping[str, str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT messaging_fill(said, %s::jsonb) FROM unnest(%s::text[]) WITH ORDINALITY AS t (said, n) ORDER BY n",
            [json.dumps(dict(values)), [*texts]],
        )
        return [row[0] for row in cursor.fetchall()]
