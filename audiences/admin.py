"""Sources in the reference data: their owner, their legal basis and their off switch. People are never listed here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from audiences.models import Source
from crisis.admin_site import RoleAdmin


@admin.register(Source)
class SourceAdmin(RoleAdmin):
    """A source is switched off, never deleted: what was sent rests on it."""

    list_display = ["name", "owner", "retention_days", "active"]
    list_filter = ["active"]
    search_fields = ["name", "owner"]

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False
