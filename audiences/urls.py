"""Pages of audiences and of files that bring contacts, addresses and sightings."""

from __future__ import annotations

from django.urls import path

from audiences.views import audiences, forgetting, imports, places, sources, staff, versions

urlpatterns = [
    path("audiences/", audiences.audience_list, name="audience_list"),
    path("audiences/new/", audiences.audience_new, name="audience_new"),
    path("audiences/reach/", audiences.audience_reach, name="audience_reach"),
    path("audiences/places/", places.place_list, name="place_list"),
    path("audiences/import/", imports.import_new, name="import_new"),
    path("audiences/import/<int:pk>/", imports.import_check, name="import_check"),
    path("audiences/import/<int:pk>/bad/", imports.import_bad, name="import_bad"),
    path("audiences/import/<int:pk>/apply/", imports.import_apply, name="import_apply"),
    path("audiences/import/<int:pk>/progress/", imports.import_progress, name="import_progress"),
    path("audiences/import/<int:pk>/cancel/", imports.import_cancel, name="import_cancel"),
    path("audiences/<int:pk>/", audiences.audience_detail, name="audience_detail"),
    path("accounts/staff/", staff.staff_list, name="staff_list"),
    path("accounts/staff/<int:pk>/remove/", staff.staff_remove, name="staff_remove"),
    path("people/held/", forgetting.person_held, name="person_held"),
    path("people/forget/", forgetting.person_forget, name="person_forget"),
    path("sources/", sources.source_list, name="source_list"),
    path("sources/new/", sources.source_new, name="source_new"),
    path("sources/<int:pk>/", sources.source_detail, name="source_detail"),
    path("sources/<int:pk>/edit/", sources.source_edit, name="source_edit"),
    path("sources/<int:pk>/switch/", sources.source_switch, name="source_switch"),
    path("audiences/<int:pk>/compare/", versions.audience_compare, name="audience_compare"),
    path("audiences/<int:pk>/edit/", audiences.audience_edit, name="audience_edit"),
]
