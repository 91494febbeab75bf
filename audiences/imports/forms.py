"""The form about a file. What is allowed is decided by the verbs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences.imports.columns import FileKind
from audiences.models import Source


class SourceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """All sources, so that one which cannot be used says why."""

    def label_from_instance(self, obj: Any) -> str:
        if not obj.active:
            return _("%(source)s (switched off)") % {"source": obj}
        if not obj.legal_basis.strip():
            return _("%(source)s (no legal basis noted)") % {"source": obj}
        return str(obj)


class ImportForm(forms.Form):
    """A file, what is in it, who answers for it, and what a list is called."""

    kind = forms.ChoiceField(
        label=gettext_lazy("What is in the file?"),
        choices=FileKind,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Say what is in the file.")},
    )
    file = forms.FileField(
        label=gettext_lazy("The file"),
        help_text=gettext_lazy(
            "CSV in UTF-8 or CP1251, up to 1,000,000 rows and 200 MB, or one sheet of XLSX, up to 100,000 rows and 30 MB."
            " The first row names the columns."
        ),
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,text/csv"}),
        error_messages={
            "required": gettext_lazy("Choose a file."),
            "missing": gettext_lazy("Choose a file."),
            "empty": gettext_lazy("The file is empty. Nothing was imported. Choose another one."),
            "invalid": gettext_lazy("No file arrived. Choose it again."),
        },
    )
    source = SourceField(
        Source.objects.all(),
        label=gettext_lazy("Source"),
        required=False,
        empty_label=gettext_lazy("Choose"),
        help_text=gettext_lazy("Needed for sightings, stays abroad and lists. An administrator keeps the list of sources."),
        error_messages={"invalid_choice": gettext_lazy("There is no such source. Choose one of the list.")},
    )
    list_name = forms.CharField(
        label=gettext_lazy("Name of the list"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Needed for a list of people only, such as “Flight 9268, passengers”. A list never changes."),
    )
