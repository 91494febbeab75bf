"""Pages of messaging: the situation, incidents, campaigns, accounts, people, and the doors of platforms."""

from __future__ import annotations

from django.urls import path

from messaging.views import (
    accounts,
    campaigns,
    decisions,
    declaring,
    drafts,
    drills,
    incidents,
    live,
    people,
    reports,
    webhooks,
)

urlpatterns = [
    path("", incidents.situation, name="situation"),
    path("incidents/declare/", declaring.incident_declare, name="incident_declare"),
    path("incidents/", incidents.incident_list, name="incident_list"),
    path("incidents/<int:pk>/", incidents.incident_detail, name="incident_detail"),
    path("coverage/", incidents.coverage, name="coverage"),
    path("campaigns/", campaigns.campaign_list, name="campaign_list"),
    path("campaigns/<int:pk>/", campaigns.campaign_detail, name="campaign_detail"),
    path("incidents/<int:incident>/campaigns/new/", drafts.campaign_new, name="campaign_new"),
    path("campaigns/<int:pk>/draft/", drafts.campaign_draft, name="campaign_draft"),
    path("campaigns/<int:pk>/preview/", drafts.campaign_preview, name="campaign_preview"),
    path("campaigns/<int:pk>/submit/", drafts.campaign_submit, name="campaign_submit"),
    path("campaigns/<int:pk>/withdraw/", drafts.campaign_withdraw, name="campaign_withdraw"),
    path("campaigns/<int:pk>/discard/", drafts.campaign_discard, name="campaign_discard"),
    path("campaigns/<int:pk>/copy-as-live/", drills.campaign_copy_as_live, name="campaign_copy_as_live"),
    path("campaigns/<int:pk>/decision/", decisions.campaign_decision, name="campaign_decision"),
    path("campaigns/<int:pk>/approve/", decisions.campaign_approve, name="campaign_approve"),
    path("campaigns/<int:pk>/send-back/", decisions.campaign_send_back, name="campaign_send_back"),
    path("campaigns/<int:pk>/reject/", decisions.campaign_reject, name="campaign_reject"),
    path("campaigns/<int:pk>/live/", live.campaign_live, name="campaign_live"),
    path("campaigns/<int:pk>/progress/", live.campaign_progress, name="campaign_progress"),
    path("campaigns/<int:pk>/pause/", live.campaign_pause, name="campaign_pause"),
    path("campaigns/<int:pk>/resume/", live.campaign_resume, name="campaign_resume"),
    path("campaigns/<int:pk>/stop/", live.campaign_stop, name="campaign_stop"),
    path("campaigns/<int:pk>/replies/", live.campaign_replies, name="campaign_replies"),
    path("campaigns/<int:pk>/replies/<int:reply>/read/", live.reply_read, name="reply_read"),
    path("campaigns/<int:pk>/report/", reports.campaign_report, name="campaign_report"),
    path("campaigns/<int:pk>/report.csv", reports.campaign_report_csv, name="campaign_report_csv"),
    path("campaigns/<int:pk>/report.json", reports.campaign_report_json, name="campaign_report_json"),
    path("accounts/", accounts.account_list, name="account_list"),
    path("accounts/<int:pk>/", accounts.account_detail, name="account_detail"),
    path("accounts/<int:pk>/pause/", accounts.account_pause, name="account_pause"),
    path("accounts/<int:pk>/resume/", accounts.account_resume, name="account_resume"),
    path("accounts/<int:pk>/test/", accounts.account_test, name="account_test"),
    path("people/", people.people, name="people"),
    path("training/", drills.training, name="training"),
    path("queues/", accounts.queues, name="queues"),
    path("hooks/<int:pk>/", webhooks.hook, name="hook"),
]
