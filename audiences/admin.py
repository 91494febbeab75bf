"""Sources among the reference data, to be read: they change in the register of sources. People are never listed here."""

from __future__ import annotations

from django.contrib import admin

from audiences.models import Source
from crisis.admin_site import ReadOnlyAdmin


@admin.register(Source)
class SourceAdmin(ReadOnlyAdmin):
    list_display = ["name", "owner", "retention_days", "active"]
    list_filter = ["active"]
    search_fields = ["name", "owner"]
