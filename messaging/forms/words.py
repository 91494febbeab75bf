"""The public words as several forms ask for them: `headline_ru`, `headline_en` and so on, one field a language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from messaging.limits import LONGEST_HEADLINE, LONGEST_TEXT
from messaging.wording import LANGUAGES, Words

NAMES = {"ru": _("Russian"), "en": _("English")}


def typed(texts: Mapping[str, Words], part: str = "") -> dict[str, str]:
    """Initial values of a form from words by language. `part` stands before the names of fields that are there twice."""
    return {f"{part}{name}_{code}": said for code, words in texts.items() for name, said in words._asdict().items()}


def _field(label: Any, limit: int, language: str, rows: int = 0) -> forms.CharField:
    widget: forms.Widget = forms.Textarea(attrs={"lang": language, "rows": rows})
    if not rows:
        widget = forms.TextInput(attrs={"lang": language})
    return forms.CharField(label=label, max_length=limit, required=False, widget=widget)


class WordsForm(forms.Form):
    """What is said. A language whose fields are empty is left out."""

    headline_ru, headline_en = (_field(_("Headline"), LONGEST_HEADLINE, code) for code in LANGUAGES)
    body_ru, body_en = (_field(_("Text"), LONGEST_TEXT, code, rows=8) for code in LANGUAGES)
    instruction_ru, instruction_en = (_field(_("What to do"), LONGEST_TEXT, code, rows=4) for code in LANGUAGES)

    def written(self, part: str = "") -> dict[str, Words]:
        """The words by language, as typed, or as the form begins."""
        values = getattr(self, "cleaned_data", self.initial)
        return {code: Words(*(values.get(f"{part}{name}_{code}") or "" for name in Words._fields)) for code in LANGUAGES}

    def languages(self, part: str = "") -> list[dict[str, Any]]:
        """The fields of each language side by side."""
        return [
            {"code": code, "name": NAMES[code], "fields": {name: self[f"{part}{name}_{code}"] for name in Words._fields}}
            for code in LANGUAGES
        ]
