"""People and incidents: who works here, what happened where, what was done, and the log that proves it."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import get_global
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now


class Country(models.Model):
    """An ISO 3166-1 country or territory. Names come from the Unicode CLDR, in the reader's language."""

    code = models.CharField(_("code"), primary_key=True, max_length=2)

    class Meta:
        verbose_name, verbose_name_plural = _("country"), _("countries")

    def __str__(self) -> str:
        return self.name_in(get_language() or "ru")

    def name_in(self, language: str) -> str:
        return str(Locale.parse(language.split("-")[0]).territories.get(self.code, self.code))

    @property
    def zone(self) -> ZoneInfo:
        """The country's only time zone, or UTC where it has several or none."""
        names = get_global("territory_zones").get(self.code, [])
        return ZoneInfo(names[0] if len(names) == 1 else "UTC")


class Mission(models.Model):
    """A mission abroad. Facts that have no noted source stay empty."""

    class Kind(models.TextChoices):
        EMBASSY = "embassy", _("embassy")
        CONSULAR_SECTION = "consular_section", _("consular section")
        CONSULATE_GENERAL = "consulate_general", _("consulate-general")

    country = models.ForeignKey(Country, models.PROTECT, related_name="missions", verbose_name=_("country"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    name_ru = models.CharField(_("name in Russian"), max_length=200)
    name_en = models.CharField(_("name in English"), max_length=200)
    city_ru = models.CharField(_("city in Russian"), max_length=100)
    city_en = models.CharField(_("city in English"), max_length=100)
    phone = models.CharField(_("phone"), max_length=50, blank=True)
    source = models.CharField(_("source of these facts"), max_length=300, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("mission"), _("missions")
        constraints = [models.UniqueConstraint(fields=["country", "kind", "city_en"], name="one_mission_of_a_kind_in_a_city")]

    def __str__(self) -> str:
        return self.name_in(get_language() or "ru")

    def name_in(self, language: str) -> str:
        return self.name_ru if language.startswith("ru") else self.name_en

    @property
    def city(self) -> str:
        return self.city_ru if (get_language() or "ru").startswith("ru") else self.city_en


class User(AbstractUser):
    """A person who works in the console. What they may do comes from their groups alone."""

    language = models.CharField(_("language"), max_length=2, default="ru", choices=[("ru", "Русский"), ("en", "English")])
    mission = models.ForeignKey(Mission, models.PROTECT, null=True, blank=True, verbose_name=_("mission"))
    on_duty = models.BooleanField(_("on duty"), default=False)
    last_seen_at = models.DateTimeField(_("last seen at"), null=True, editable=False)

    @cached_property
    def roles(self) -> frozenset[str]:
        return frozenset(self.groups.values_list("name", flat=True))

    def __str__(self) -> str:
        return self.get_full_name() or self.username


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

    class Meta:
        verbose_name, verbose_name_plural = _("incident"), _("incidents")
        ordering = ["-opened_at"]
        constraints = [
            models.CheckConstraint(
                name="an_estimate_names_its_source_and_date",
                condition=Q(estimate_people=None) | (~Q(estimate_source="") & Q(estimate_at__isnull=False)),
            )
        ]

    def __str__(self) -> str:
        return self.title_in(get_language() or "ru")

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


class AuditEntry(models.Model):
    """One change, append-only and hash-chained. `at`, `prev_hash` and `hash` are written by the database alone."""

    at = models.DateTimeField(_("time"), editable=False, db_default=Now())
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", editable=False, verbose_name=_("person"))
    action = models.CharField(_("action"), max_length=60, editable=False)
    object_type = models.CharField(_("about what"), max_length=60, editable=False)
    object_id = models.CharField(_("its number"), max_length=60, editable=False)
    data = models.JSONField(_("data"), default=dict, editable=False)
    prev_hash = models.CharField(_("hash of the row before"), max_length=64, editable=False, db_default="")
    hash = models.CharField(_("hash"), max_length=64, editable=False, unique=True, db_default="")

    class Meta:
        verbose_name, verbose_name_plural = _("audit entry"), _("audit log")
        ordering = ["-id"]
        indexes = [models.Index(fields=["object_type", "object_id"], name="audit_about")]

    def __str__(self) -> str:
        return f"№ {self.pk}"


class AdminAction(models.Model):
    """A change of power (users, roles, keys) that one person proposes and another confirms."""

    kind = models.CharField(_("kind"), max_length=40)
    data = models.JSONField(_("data"), default=dict)
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("proposed by"))
    proposed_at = models.DateTimeField(_("proposed at"), db_default=Now())
    confirmed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("confirmed by"))
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("admin action"), _("admin actions")
        constraints = [
            models.CheckConstraint(
                name="another_person_confirms", condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("proposed_by"))
            ),
        ]

    def __str__(self) -> str:
        return f"№ {self.pk}"
