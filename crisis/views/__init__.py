"""Pages of crisis, a module for each kind of page. Here: what the pages of every app ask a request."""

from __future__ import annotations

from typing import Any, cast

from django.core.paginator import Page, Paginator
from django.http import HttpRequest

from crisis.models import User

PER_PAGE = 50


def person(request: HttpRequest) -> User:
    """Who asks: the middleware lets nobody without a name in."""
    return cast(User, request.user)


def paged(request: HttpRequest, rows: Any) -> Page[Any]:
    """Those of the rows that stand on the page named in the URL; one that is not there is the nearest one."""
    return Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
