"""`python -m tests.faults.worker`: does what it is told in a process that may be struck on its way.

A line of JSON in is an act (see `tests.faults.acts`), a line out says how it went. Acts are done in a process forked from this
one, in which Django is ready and every point is wrapped, so that it costs little. What kills it is SIGKILL; then the next act
is done in another one.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any
from unittest.mock import patch

import django

django.setup()

from django.db import close_old_connections, connection, connections  # noqa: E402 (the settings come first)

from crisis.refusal import Refused  # noqa: E402
from messaging.channels import channel_class  # noqa: E402
from messaging.channels.vk import VKDirect  # noqa: E402
from messaging.delivery import sending, starting, turns  # noqa: E402
from tests.faults import acts, naive  # noqa: E402
from tests.faults.points import Strike, Watch, modules, wrapped  # noqa: E402
from tests.push import PushTest  # noqa: E402

# A campaign of a dozen people has as many batches and requests as a large one; nothing depends on how busy the machine is.
SMALL: list[tuple[Any, str, Any]] = [
    (turns, "MOST", 4), (starting, "LEAST", 2), (sending, "FRESH", 60.0), (VKDirect, "per_request", 2),
    (VKDirect, "concurrency", 1), (PushTest, "concurrency", 2),
]  # fmt: skip


def main() -> None:
    watch = Watch()
    points, beside = wrapped(watch, modules()), wrapped(watch, [naive])
    for slug in ("vk-direct", "vk-geo", "push-test"):
        channel_class(slug)
    for where, name, value in SMALL:
        patch.object(where, name, value).start()
    gc.freeze()
    _say({"points": points, "beside": beside})
    for line in sys.stdin:
        _in_a_process(watch, json.loads(line))


def _say(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def _in_a_process(watch: Watch, told: dict[str, Any]) -> None:
    """Have another process do it, and what it is told after it, until it is told to end or is killed."""
    pid = os.fork()
    if pid == 0:
        try:
            _act_on(watch, told)
        finally:
            os._exit(0)
    if os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
        _say({"ended": "killed"})


def _act_on(watch: Watch, told: dict[str, Any]) -> None:
    for one in connections.all():
        one.settings_dict["NAME"] = told["database"]
    watch.strike = Strike(**told["strike"]) if told["strike"] else None
    watch.struck = lambda: _say({"struck": True})
    watch.rig()
    while told["act"]:
        _say({**_act(told), "calls": watch.calls, "statements": watch.statements})
        told = json.loads(sys.stdin.readline())


def _act(told: dict[str, Any]) -> dict[str, Any]:
    """How the act went: it was done or refused, or it failed."""
    close_old_connections()
    try:
        _tell_time(told["micros"])
        getattr(acts, told["act"])(told["slug"])
    except Refused as refused:
        return {"ended": "refused", "why": str(refused)}
    except Exception as error:
        return {"ended": "failed", "why": f"{type(error).__name__}: {error}"}
    return {"ended": "done"}


def _tell_time(micros: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('sim_clock', %s)", [micros])


if __name__ == "__main__":
    main()
