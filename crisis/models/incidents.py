"""What happened where: incidents in CAP's terms, their situation log, and which missions have told their followers."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now
from crisis.language import readers_language
from crisis.lines import ONE_LINE
from crisis.models.people import Country, Mission, User


class Severity(models.TextChoices):
    EXTREME = "Extreme", _("lives are in danger")
    SEVERE = "Severe", _("serious harm is likely")
    MODERATE = "Moderate", _("people are hindered")
    MINOR = "Minor", _("good to know")
    UNKNOWN = "Unknown", _("not known yet")


class Urgency(models.TextChoices):
    IMMEDIATE = "Immediate", _("now")
    EXPECTED = "Expected", _("within hours")
    FUTURE = "Future", _("later")
    PAST = "Past", _("it is over")
    UNKNOWN = "Unknown", _("not known yet")


class Certainty(models.TextChoices):
    OBSERVED = "Observed", _("it has happened")
    LIKELY = "Likely", _("more likely than not")
    POSSIBLE = "Possible", _("possible")
    UNLIKELY = "Unlikely", _("unlikely")
    UNKNOWN = "Unknown", _("not known yet")


class Category(models.TextChoices):
    TRANSPORT = "Transport", _("transport: flights, roads, borders")
    SECURITY = "Security", _("security: unrest, attack, war")
    GEO = "Geo", _("earthquake, landslide, eruption")
    MET = "Met", _("weather: storm, flood, heat")
    SAFETY = "Safety", _("danger to the public")
    RESCUE = "Rescue", _("search and rescue")
    FIRE = "Fire", _("fire")
    HEALTH = "Health", _("disease, poisoning")
    ENV = "Env", _("pollution, environment")
    INFRA = "Infra", _("power, water, networks")
    CBRNE = "CBRNE", _("chemical, biological, nuclear, explosive")
    OTHER = "Other", _("other")


class IncidentQuerySet(models.QuerySet["Incident"]):
    """Every list and every search for one begins here, so that what a person may not see is not there for them."""

    def seen_by(self, person: User) -> Self:
        """Those that touch the country of the person's mission; people of the ministry see every one."""
        return self.filter(countries__missions=person.mission_id) if person.mission_id else self


class Incident(models.Model):
    """Something that happened to citizens abroad. No incident, no sending."""

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        MONITORING = "monitoring", _("monitoring")
        CLOSED = "closed", _("closed")

    title_ru = models.CharField(_("title in Russian"), max_length=200)
    title_en = models.CharField(_("title in English"), max_length=200, blank=True)
    countries = models.ManyToManyField(Country, related_name="incidents", verbose_name=_("where"))
    category = models.CharField(_("kind"), max_length=20, choices=Category)
    urgency = models.CharField(_("how soon"), max_length=20, choices=Urgency)
    severity = models.CharField(_("how bad"), max_length=20, choices=Severity)
    certainty = models.CharField(_("how sure"), max_length=20, choices=Certainty)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.OPEN, editable=False)
    drill = models.BooleanField(_("this is a drill"), default=False)
    hotline = models.CharField(_("hotline"), max_length=50, blank=True)
    estimate_people = models.PositiveIntegerField(_("nationals estimated there"), null=True, blank=True)
    estimate_source = models.CharField(_("source of the estimate"), max_length=300, blank=True)
    estimate_at = models.DateField(_("date of the estimate"), null=True, blank=True)
    next_update_at = models.DateTimeField(_("next update due"), null=True, blank=True)
    opened_at = models.DateTimeField(_("declared at"), db_default=Now(), editable=False)
    opened_by = models.ForeignKey(User, models.PROTECT, related_name="+", editable=False, verbose_name=_("declared by"))

    objects = IncidentQuerySet.as_manager()
    LINES = ("title_ru", "title_en", "hotline", "estimate_source")

    class Meta:
        verbose_name, verbose_name_plural = _("incident"), _("incidents")
        ordering = ["-opened_at"]
        constraints = [
            models.CheckConstraint(
                name="a_title_is_one_line",
                condition=Q(title_ru__regex=ONE_LINE, title_en__regex=ONE_LINE, hotline__regex=ONE_LINE),
            ),
            models.CheckConstraint(
                name="an_estimate_names_its_source_and_date",
                condition=Q(estimate_people=None) | (~Q(estimate_source="") & Q(estimate_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.title_in(readers_language())

    def title_in(self, language: str) -> str:
        return self.title_ru if language.startswith("ru") else self.title_en or self.title_ru

    @property
    def country_codes(self) -> list[str]:
        return sorted(self.countries.values_list("code", flat=True))

    def update_overdue(self, now: datetime) -> bool:
        return bool(self.next_update_at and self.next_update_at < now and self.status != self.Status.CLOSED)


class LogEntry(models.Model):
    """One line of an incident's situation log. `by` is empty when the console itself noted it."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="log", verbose_name=_("incident"))
    at = models.DateTimeField(_("time"), db_default=Now())
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    text = models.CharField(_("text"), max_length=1000)

    class Meta:
        verbose_name, verbose_name_plural = _("log entry"), _("log entries")
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return self.text[:60]


class Coverage(models.Model):
    """Whether a mission has told its own followers, ticked by hand. No row means silent since the incident opened."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="coverage", verbose_name=_("incident"))
    mission = models.ForeignKey(Mission, models.PROTECT, related_name="+", verbose_name=_("mission"))
    posted = models.BooleanField(_("told its followers"))
    link = models.URLField(_("link"), blank=True)
    since_at = models.DateTimeField(_("since when"), db_default=Now())
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("noted by"))

    class Meta:
        verbose_name, verbose_name_plural = _("coverage"), _("coverage")
        constraints = [models.UniqueConstraint(fields=["incident", "mission"], name="one_coverage_row_a_mission")]

    def __str__(self) -> str:
        return str(self.mission)
