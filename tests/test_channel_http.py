"""How a platform's words are read before anybody believes them: how long to wait, and what is JSON."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.channels.http import read_object, retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 30 ", 30),
        ("86400", 86_400),
        ("1000000000", None),
        ("-1", None),
        ("1e3", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_it_reads_seconds_to_wait(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "Fri, 31 Dec 2100 23:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Thu, 99 Foo 2026",
        "soon GMT",
        "Mon, 1 Jan 99999 00:00:00 GMT",
    ],
)
def test_it_waits_for_no_absurd_date(value: str) -> None:
    assert retry_after(value) is None


def test_it_waits_for_a_date(time_machine: Any) -> None:
    time_machine.move_to(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False)
    assert retry_after("Fri, 20 Nov 2026 12:00:45 GMT") == 45


@pytest.mark.parametrize(
    "raw", [b'{"a": 1, "a": 1}', b'{"a": {"b": 1, "b": 2}}', b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": "\xff"}', b"[]"]
)
def test_it_reads_json_strictly(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|twice|object|utf-8"):
        read_object(raw)


@settings(deadline=None, max_examples=300)
@given(raw=st.binary(max_size=300))
def test_it_reads_any_bytes_as_an_object_or_a_value_error(raw: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(read_object(raw), dict)
