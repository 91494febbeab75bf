"""Reference data of messaging: accounts and their lanes. Campaigns are only looked at here, their numbers on their pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from crisis.admin_site import ReadOnlyAdmin, RoleAdmin
from crisis.models import User
from crisis.permissions import may
from messaging.channels import channel_class
from messaging.models import Account, Approval, Campaign, Lane
from messaging.models.accounts import address_kind_of

KEPT = ["slug", "drill", "handle", "secret_name"]


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """Says in sentences what the database would refuse."""

    class Meta:
        model = Account
        fields = [
            "slug", "label_ru", "label_en", "mission", "handle", "secret_name", "rate", "answer_minutes", "follows", "drill",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "secret_name" in self.fields:  # a duty desk has none: it logs in nowhere
            self.fields["secret_name"].required = False

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        slug = data.get("slug") or self.instance.slug
        if not slug:
            return data
        drill = data.get("drill", self.instance.drill)
        self.instance.address_kind = address_kind_of(slug)
        self._one_sender(drill)
        self._secret(data, drill)
        self._rate(data, slug)
        if data.get("mission") and self.instance.address_kind is not None:
            self.add_error("mission", _("Missions only publish. Messages to people are sent in the ministry's own name."))
        return data

    def _one_sender(self, drill: bool) -> None:
        others = Account.objects.filter(address_kind=self.instance.address_kind, drill=drill).exclude(pk=self.instance.pk)
        if self.instance.address_kind is not None and others.exists():
            self.add_error(
                None, _("There is an account already that writes to this kind of address; two would repeat every message.")
            )

    def _secret(self, data: dict[str, Any], drill: bool) -> None:
        if not data.get("slug"):
            return
        if not channel_class(data["slug"]).networked:
            data["secret_name"] = "DRILL_BY_HAND" if drill else "BY_HAND"
        elif not data.get("secret_name"):
            self.add_error("secret_name", self.fields["secret_name"].error_messages["required"])
        if data.get("secret_name") and data["secret_name"].startswith("DRILL_") != drill:
            self.add_error("secret_name", _("A drill account's secret is named DRILL_…, and only a drill account's."))

    def _rate(self, data: dict[str, Any], slug: str) -> None:
        """Without a rate nothing would hold our requests back, so an empty one becomes the platform's limit."""
        limit = channel_class(slug).per_second
        if limit and data.get("rate") is None:
            data["rate"] = limit
        elif limit and data["rate"] > limit:
            self.add_error("rate", _("The platform allows %(limit)d requests a second.") % {"limit": limit})


class LaneInline(admin.TabularInline):  # type: ignore[type-arg]
    """Only how many there are is decided here; the rest belongs to the pumps."""

    model = Lane
    fields = ["number", "lease_until", "fence", "next_at"]
    readonly_fields = ["lease_until", "fence", "next_at"]
    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return isinstance(request.user, User) and may(request.user, "admin.site")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return isinstance(request.user, User) and may(request.user, "admin.change")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)


@admin.register(Account)
class AccountAdmin(RoleAdmin):
    form = AccountForm
    list_display = ["label_ru", "slug", "mission", "handle", "secret_name", "rate", "drill", "paused_at"]
    list_filter = ["slug", "drill"]
    list_select_related = ["mission"]
    inlines = [LaneInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> list[str]:
        """Channel and drill mark are for life: what was approved and sent names this account. The others take two persons."""
        return KEPT if obj else []

    def get_inlines(self, request: HttpRequest, obj: Account | None) -> Any:
        return [] if obj and not obj.networked else super().get_inlines(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Account | None = None) -> Any:
        """Of an account that exists, what is not changed here stands by itself, with the way to propose it."""
        if obj is None:
            return super().get_fieldsets(request, obj)
        sentence = _('Channel and drill mark are for life. <a href="{}">Propose another name there or another secret</a>.')
        where = {"fields": KEPT, "description": format_html(str(sentence), reverse("account_credential", args=[obj.pk]))}
        numbers = ["rate", "answer_minutes", "follows"] if obj.networked else ["answer_minutes", "follows"]
        return [(None, {"fields": ["label_ru", "label_en", "mission", *numbers]}), (_("How it logs in there"), where)]

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """Whoever could remove one and make it anew would change alone what takes two persons."""
        return False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """An account without a lane could never send, so the first one is made with it. A duty desk is asked by people."""
        super().save_related(request, form, formsets, change)
        if form.instance.networked and not Lane.objects.filter(account=form.instance).exists():
            Lane.objects.create(account=form.instance, number=1)


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "incident", "kind", "status", "drill", "created_by", "started_at"]
    list_filter = ["status", "drill", "kind"]
    list_select_related = ["incident", "created_by"]
    exclude = ["reach"]


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = ["campaign", "round", "by", "at", "verdict"]
    list_select_related = ["campaign", "by"]
    codes = ("fingerprint",)
    exclude = ["reach"]
