"""What follows a message: its correction, and sending it to people who came since. Each asks once on a page of its own."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from crisis.permissions import requires
from crisis.refusal import Refused
from crisis.small import told
from crisis.templatetags.console import number
from crisis.views import person
from messaging import delivery, progress, workflow
from messaging.models import STOPPABLE, Account, Campaign, Status
from messaging.phrases import places
from messaging.views.campaigns import find, shared
from messaging.views.order_rows import cancelling

TO_NEWCOMERS = gettext_lazy("The text is sent as it was approved, word for word, to people of this audience who came since.")


@require_http_methods(["GET", "HEAD", "POST"])
@requires("campaign.correct")
def campaign_correct(request: HttpRequest, pk: int) -> HttpResponse:
    """GET says what will happen, POST stops and opens the draft of the correction. A colleague's draft is opened."""
    campaign = find(pk, person(request))
    if request.method == "POST":
        begun = workflow.correct(campaign, by=person(request))
        if begun.created_by_id != person(request).pk:
            messages.info(request, _("%(who)s has begun this correction already. This is it.") % {"who": begun.created_by})
        return redirect("campaign_detail", begun.pk)
    if campaign.started_at is None:
        raise Refused(
            _("There is nothing to correct: nothing of this was sent. It is %(status)s.")
            % {"status": campaign.get_status_display()}
        )
    live = campaign.status in STOPPABLE
    context = {
        **shared(campaign, request),
        "heading": _("Correct the drill?") if campaign.drill else _("Correct it?"),
        "sentence": _what_happens(campaign),
        "action": reverse("campaign_correct", args=[pk]),
        "button": _correct_button(campaign, live=live),
        "cancel_url": reverse("campaign_live" if live else "campaign_report", args=[pk]),
        "danger": live,
    }
    return render(request, "messaging/campaign_confirm.html", context)


def _what_happens(campaign: Campaign) -> str:
    found = progress.ways(campaign)
    sums = {name: number(people) for name, people in progress.gone_and_left(found).items()}
    if campaign.status in STOPPABLE:
        sentences = [_("Stops now. Of those written to one by one: already tried %(gone)s, not yet %(left)s.") % sums]
    else:
        sentences = [_("It is %(status)s.") % {"status": campaign.get_status_display()}]
    sentences += cancelling(found)
    sentences.append(_("Then you write the right text. Who got the wrong one is told so; everybody else gets the right one."))
    return " ".join([*sentences, _("Another person approves it before anything goes out.")])


def _correct_button(campaign: Campaign, *, live: bool) -> str:
    if campaign.drill:
        return _("Stop the drill and correct it") if live else _("Correct the drill")
    values = {"places": places(campaign)}
    return (_("Stop sending to %(places)s and correct it") if live else _("Correct it for %(places)s")) % values


@require_http_methods(["GET", "HEAD", "POST"])
@requires("campaign.top_up")
def campaign_top_up(request: HttpRequest, pk: int) -> HttpResponse:
    """GET says how many people came since, POST sends it to them."""
    campaign = find(pk, person(request))
    if request.method == "POST":
        people = workflow.top_up(campaign, by=person(request))
        messages.success(request, _top_up_words(campaign, people, done=True))
        return redirect("campaign_live", pk)
    if campaign.status != Status.SENT:
        raise Refused(
            _("Only what was sent to its end can be sent to newcomers; this is %(status)s.")
            % {"status": campaign.get_status_display()}
        )
    people, asked = workflow.newcomers(campaign), delivery.asked_again(campaign)
    if not people and not asked:
        raise Refused(_("Nobody has come since it was sent. There is nothing to send."))
    context = {
        **shared(campaign, request),
        "heading": _("Play the drill to newcomers?") if campaign.drill else _("Send it to newcomers?"),
        "sentence": " ".join([str(TO_NEWCOMERS), *(_ask_again(account) for account in asked)]),
        "action": reverse("campaign_top_up", args=[pk]),
        "button": _top_up_words(campaign, people, done=False),
        "cancel_url": reverse("campaign_report", args=[pk]),
    }
    return render(request, "messaging/campaign_confirm.html", context)


def _ask_again(account: Account) -> str:
    sentence = _("%(account)s is asked for whoever it finds beyond those it wrote to; how many they are it says afterwards.")
    return sentence % {"account": account.label}


def _top_up_words(campaign: Campaign, people: int, *, done: bool) -> str:
    values = {"n": number(people), "places": places(campaign)}
    if campaign.drill:
        return _("The drill goes on with newcomers.") if done else _("Play the drill to newcomers: nobody real is reached")
    if not people:
        words = _("It goes to whoever came since.") if done else _("Send now to newcomers in %(places)s")
        return words % values
    if done:
        words = ngettext("It goes to %(n)s person who came since.", "It goes to %(n)s people who came since.", told(people))
    else:
        words = ngettext("Send now to %(n)s newcomer in %(places)s", "Send now to %(n)s newcomers in %(places)s", told(people))
    return words % values
