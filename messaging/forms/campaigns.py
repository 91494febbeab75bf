"""Forms of the campaign pages: they read what was typed, strictly, and hold no rule of sending; those are in `checking`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences import definitions
from audiences.criteria import Criteria, Permitted, Seen, Subscribed
from audiences.models import AddressKind, AudienceVersion
from audiences.whereabouts import hours_field, mode_field
from crisis.forms import Moment
from crisis.models import Country, Incident, User
from crisis.refusal import Problem, Refused
from messaging.beginning import name_of
from messaging.forms.words import WordsForm, typed
from messaging.limits import say_when_an_exception_ends
from messaging.models import Account, Campaign, Kind, Part, Reached, WhenUncertain
from messaging.phrases import UNKNOWN
from messaging.wording import Words
from messaging.workflow import Draft

NEW = "new"
CRITERIA_FIELDS = {"countries": "countries", "hours": "hours", "until": "until", "mode": "mode"}
WRITTEN_HERE = (*CRITERIA_FIELDS, "until_now", "subscribed", "permitted")  # an audience typed in the draft
# A draft is saved without these; it is not submitted without them, so they are not called optional.
NEEDED = ("body_ru", "body_en", "audience", "countries", "hours", "until_now", "mode", "accounts", "not_after")
CORRECTED = "corrected_"  # before the names of the fields for those who got the wrong message


class CampaignForm(WordsForm):
    """Everything of a draft in one form; `audience` is a version or "new"."""

    field_order = ("kind", "refers_to")

    kind = forms.ChoiceField(label=gettext_lazy("Kind of campaign"), choices=Kind.choices)
    refers_to = forms.ModelChoiceField(
        Campaign.objects.none(),
        label=gettext_lazy("Which earlier campaign it follows"),
        required=False,
        empty_label=gettext_lazy("none: it stands alone"),
    )
    link = forms.URLField(
        label=gettext_lazy("Link, the same in every language"), max_length=200, required=False, assume_scheme="https"
    )

    audience = forms.ChoiceField(label=gettext_lazy("Who gets it"), required=False, widget=forms.RadioSelect)
    countries = forms.MultipleChoiceField(label=gettext_lazy("Seen in"), required=False, widget=forms.CheckboxSelectMultiple)
    hours = hours_field(required=False)
    until_now = forms.ChoiceField(
        label=gettext_lazy("Up to"), required=False, widget=forms.RadioSelect,
        choices=[("now", gettext_lazy("the moment of sending")), ("instant", gettext_lazy("a fixed time"))],
    )  # fmt: skip
    until = Moment(label=gettext_lazy("The fixed time"), required=False)
    mode = mode_field(required=False)
    subscribed = forms.ChoiceField(
        label=gettext_lazy("Follows our group in VK"), required=False,
        choices=[("", gettext_lazy("any")), ("yes", gettext_lazy("yes")), ("no", gettext_lazy("no"))],
    )  # fmt: skip
    permitted = forms.ChoiceField(
        label=gettext_lazy("Allows our messages in VK"),
        required=False,
        choices=[("", gettext_lazy("any")), ("yes", gettext_lazy("yes"))],
    )

    to_reached = forms.ChoiceField(
        label=gettext_lazy("And those who got the earlier message?"), required=False, widget=forms.RadioSelect,
        choices=Reached.choices,
    )  # fmt: skip

    accounts = forms.ModelMultipleChoiceField(
        Account.objects.none(), label=gettext_lazy("Ways"), required=False, widget=forms.CheckboxSelectMultiple
    )
    pace = forms.IntegerField(
        label=gettext_lazy("At most so many people in ten minutes"), required=False, min_value=1, max_value=1_000_000,
        help_text=gettext_lazy("So that the hotline can answer them. Empty: as fast as the ways allow."),
    )  # fmt: skip
    when_uncertain = forms.ChoiceField(
        label=UNKNOWN, required=False, widget=forms.RadioSelect, choices=WhenUncertain.choices,
        help_text=gettext_lazy("A platform may never say whether it took a message for somebody."),
    )  # fmt: skip
    post_url = forms.URLField(
        label=gettext_lazy("Address of the post"), max_length=500, required=False, assume_scheme="https",
        help_text=gettext_lazy("Published already, and word for word the same as this message in one of its languages."),
    )  # fmt: skip
    exception_reason = forms.CharField(
        label=gettext_lazy("What danger justifies writing to people who did not subscribe?"), max_length=2000, required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip
    exception_expires_at = Moment(label=gettext_lazy("The exception ends"), required=False)
    starts_at = Moment(
        label=gettext_lazy("Start at"), required=False, help_text=gettext_lazy("Empty: as soon as it is approved.")
    )
    not_after = Moment(label=gettext_lazy("Valid until"), required=False, help_text=gettext_lazy("Nothing is sent after that."))

    def __init__(self, *args: Any, incident: Incident, campaign: Campaign | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.incident, self.campaign = incident, campaign
        for name in NEEDED:
            self.fields[name].needed = True  # type: ignore[attr-defined]
        self.corrects = bool(campaign and campaign.corrects_id)
        self._fit()
        self._choose("accounts", Account.objects.filter(drill=incident.drill).order_by("pk"))
        earlier = Campaign.objects.followable().filter(incident=incident)
        if "refers_to" in self.fields:
            self._choose("refers_to", earlier.exclude(pk=campaign.pk if campaign else 0).prefetch_related("texts"))
        self.versions = {str(version.pk): version for version in self._versions()}
        self._offer(
            "audience", [*((pk, str(v.audience)) for pk, v in self.versions.items()), (NEW, _("Somebody else: say who"))]
        )
        names = sorted((str(country), country.pk) for country in self._countries())
        self._offer("countries", [(code, name) for name, code in names])

    def _fit(self) -> None:
        """A correction has a text for those who got the wrong one, and corrects what it corrects; nothing else has either."""
        if not self.corrects:
            return
        for name in ("refers_to", "to_reached"):
            del self.fields[name]
        words = WordsForm.base_fields
        self.fields |= {CORRECTED + name: deepcopy(field) for name, field in words.items()}
        self.order_fields(["kind", *words, *(CORRECTED + name for name in words)])
        if not self.is_bound:
            self.fields["body_ru"].widget.attrs["autofocus"] = True

    def _choose(self, name: str, rows: Any) -> None:
        self.fields[name].queryset = rows  # type: ignore[attr-defined]

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def _countries(self) -> list[Country]:
        return [*self.incident.countries.all()]

    def _versions(self) -> Iterator[AudienceVersion]:
        """The newest version of each audience of this incident or of none, and whatever the draft already uses."""
        of_ours = Q(audience__incident=self.incident) | Q(audience__incident=None)
        rows = AudienceVersion.objects.filter(of_ours).select_related("audience")
        newest = {version.audience_id: version for version in rows.order_by("pk")}
        used = self.campaign.audience_version if self.campaign else None
        yield from sorted({v.pk: v for v in [*newest.values(), *([used] if used else [])]}.values(), key=lambda v: -v.pk)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("exception_reason") and not data.get("exception_expires_at") and "exception_expires_at" not in self.errors:
            self.add_error("exception_expires_at", say_when_an_exception_ends())
        if data.get("audience") != NEW:
            self._forget_what_is_not_chosen()
        elif not CRITERIA_FIELDS.keys() & self.errors.keys():
            self._read_criteria(data)
        return data

    def _forget_what_is_not_chosen(self) -> None:
        """The fields of a new audience lie folded away under a saved one: what is wrong there is nobody's concern."""
        for name in WRITTEN_HERE:
            self.errors.pop(name, None)

    def _read_criteria(self, data: dict[str, Any]) -> None:
        try:
            data["criteria"] = self.rule(data)
        except Refused as refused:
            for problem in refused.problems:
                self.add_error(CRITERIA_FIELDS.get(problem.field, "audience"), str(problem.sentence))

    @staticmethod
    def rule(data: Mapping[str, Any]) -> Criteria:
        """The rule of an audience typed here. Raises Refused."""
        if not data["countries"]:
            raise Refused(_("Choose at least one country: an empty choice never means everybody."), field="countries")
        if not data["hours"]:
            raise Refused(_("Say within how many hours people were seen there."), field="hours")
        if not data["mode"]:
            raise Refused(_("Choose whether people were there or were last seen there."), field="mode")
        fixed = data["until_now"] == "instant"
        if fixed and not data["until"]:
            raise Refused(_("Write the fixed time, or choose the moment of sending."), field="until")
        seen = Seen(tuple(data["countries"]), data["hours"], data["until"] if fixed else None, data["mode"])
        vk = AddressKind.VK.slug
        subscribed = [Subscribed(vk, data["subscribed"] == "yes")] if data["subscribed"] else []
        return Criteria(seen, *subscribed, *([Permitted(vk, True)] if data["permitted"] else []))

    @property
    def criteria(self) -> Criteria | None:
        """The rule of the audience as chosen or typed; None when nobody is chosen or it cannot be read."""
        data = getattr(self, "cleaned_data", {})
        version = self.versions.get(data.get("audience", ""))
        return Criteria.from_json(version.criteria) if version else data.get("criteria")

    def audience_version(self, *, by: User) -> AudienceVersion | None:
        """The version chosen; a rule typed here is saved as an audience of the incident, once."""
        criteria = self.cleaned_data.get("criteria")
        if criteria is None:
            return self.versions.get(self.cleaned_data["audience"])
        known = (v for v in self.versions.values() if v.criteria == criteria.to_json())
        return next(known, None) or definitions.define(name_of(criteria), criteria, by=by, incident=self.incident)

    def content(self, version: AudienceVersion | None) -> Draft:
        """What the verbs take."""
        data = self.cleaned_data
        same = ("link", "starts_at", "not_after", "exception_reason", "exception_expires_at", "pace", "post_url")
        return Draft(
            kind=Kind(data["kind"]),
            texts=self.written(),
            corrected=self.written(CORRECTED) if self.corrects else {},
            accounts=[*data["accounts"]],
            audience_version=version,
            refers_to=data.get("refers_to"),
            to_reached=Reached(data.get("to_reached", "")),
            when_uncertain=WhenUncertain(data["when_uncertain"]) if data["when_uncertain"] else None,
            **{name: data[name] for name in same},
        )

    def audience_choices(self) -> list[dict[str, Any]]:
        """The radio buttons of saved audiences, each with its sentence."""
        return [
            {"widget": choice, "sentence": Criteria.from_json(version.criteria).sentence() if version else ""}
            for choice in self["audience"].subwidgets
            for version in [self.versions.get(str(choice.data["value"]))]
        ]

    def corrected(self) -> list[dict[str, Any]]:
        """The fields of what those are told who got the wrong message; none where nothing is corrected."""
        return self.languages(CORRECTED) if self.corrects else []


def initial_of(campaign: Campaign) -> dict[str, Any]:
    """Initial values of the form of an existing draft."""
    version = campaign.audience_version
    texts = [*campaign.texts.all()]
    said = {part: {text.language: Words.of(text) for text in texts if text.part == part} for part in Part}
    return {
        "kind": campaign.kind,
        "refers_to": campaign.refers_to_id,
        "to_reached": campaign.to_reached,
        "pace": campaign.pace,
        "post_url": campaign.post_url,
        "when_uncertain": campaign.when_uncertain,
        "link": next((text.link for text in texts if text.link), ""),
        "audience": str(version.pk) if version else "",
        **(_initial_rule(Criteria.from_json(version.criteria)) if version else {"until_now": "now"}),
        "accounts": [*campaign.accounts.values_list("pk", flat=True)],
        "exception_reason": campaign.exception_reason,
        "exception_expires_at": campaign.exception_expires_at,
        "starts_at": campaign.starts_at,
        "not_after": campaign.not_after,
        **typed(said[Part.MAIN]),
        **typed(said[Part.CORRECTED], CORRECTED),
    }


def _initial_rule(criteria: Criteria) -> dict[str, Any]:
    place = criteria.place
    where = {} if place is None else _initial_place(place)
    return where | {
        "subscribed": next(("yes" if leaf.yes else "no" for leaf in criteria.of if isinstance(leaf, Subscribed)), ""),
        "permitted": next(("yes" for leaf in criteria.of if isinstance(leaf, Permitted) and leaf.yes), ""),
    }


def _initial_place(place: Seen) -> dict[str, Any]:
    return {
        "countries": [*place.countries],
        "hours": place.hours,
        "until_now": "instant" if place.until else "now",
        "until": place.until,
        "mode": place.mode,
    }


def seen_at_of(value: str) -> datetime:
    """The instant of the draft that a page was opened with. Raises Refused for anything else."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or timezone.is_naive(found):
        raise Refused(
            problems=[Problem("", _("This page does not say which version of the draft it shows. Open the draft again."))]
        )
    return found
