"""Stories in which every public function of the engine and of the workflow is called, as short as they can be."""

from __future__ import annotations

from dataclasses import dataclass

LATER = 3300.0  # seconds after which a platform may have forgotten a key
ARRIVED = (70_000, 71_000)  # who comes later
DAY = 26 * 3600.0


@dataclass(frozen=True, slots=True)
class Wire:
    """What the next requests meet at the platform."""

    fault: str


Step = str | float | Wire  # an act, seconds that pass, or a fault of the platform
BUSY, WORDS, TOKEN = Wire("busy"), Wire("words refused"), Wire("token refused")
LOST, SLOW = Wire("lost answer"), Wire("slow")
FAULTS = {
    "vk-direct": {
        "busy": {"error": {"calls": 1, "code": 6}},
        "words refused": {"error": {"calls": 1, "code": 914}},
        "token refused": {"error": {"calls": 1, "code": 5}},
        "lost answer": {"lose_after": 1},
        "slow": {"delay_ms": 60},
    },
    "push-test": {
        "busy": {"fail": {"calls": 1, "status": 429}},
        "words refused": {"fail": {"calls": 1, "status": 422}},
        "token refused": {"fail": {"calls": 1, "status": 401}},
        "lost answer": {"lose_after": 1},
        "slow": {"delay_ms": 60},
    },
}
SENDING = ("submit", "approve", "send")
ORDERED: tuple[Step, ...] = ("order", 5.0, "order", 5.0, "order")  # once more than it takes: one of them may be struck

NAIVE: tuple[Step, ...] = ("naive_launch", "naive_work")
STORIES: dict[str, tuple[Step, ...]] = {
    "sent": ("write", "edit", "submit", "take", "called", "approve", BUSY, "send", 5.0, "send", "sweep"),
    "slow": ("write", "submit", "approve", SLOW, "send_slowly"),
    "written to, and writing back": ("write", *SENDING, "write_back", "sweep", "send", "take_over"),
    "decided otherwise": ("write", "submit", "withdraw", "submit", "send_back", "reword", "submit", "reject"),
    "held": ("write", "submit", "approve_having_seen_fewer", "approve", "send"),
    "topped up": ("write", *SENDING, "sweep", "arrive", "top_up", "send"),
    "stopped": ("write_at_a_pace", *SENDING, "pause", 400.0, "sweep", "resume", "send", "stop", "sweep"),
    "later, and expired": ("write_for_later", "submit", "approve", 700.0, "sweep", DAY, "sweep"),
    "corrected": ("write_at_a_pace", *SENDING, "correct", "edit", *SENDING, 400.0, "send"),
    "in doubt, sent again by itself": ("write_to_resend", "submit", "approve", LOST, "send", LATER, "send", "sweep", "send"),
    "in doubt, sent again": ("write_to_hold", "submit", "approve", LOST, "send", LATER, "send", "resend", "send"),
    "in doubt, left so": ("write_to_hold", "submit", "approve", LOST, "send", LATER, "send", "leave"),
    "in doubt, stopped": ("write_at_a_pace", "submit", "approve", LOST, "send", "stop", "sweep"),
    "refused by the platform": ("write", "submit", "approve", WORDS, "send", "resume", TOKEN, "send", "resume_account", "send"),
    "restored": ("write_at_a_pace", *SENDING, "restored", "resume", "stop"),
    "with an exception": (
        "write_with_an_exception", "submit", "approve", "send", *ORDERED, "renew_exception", "note_exception",
        "revoke_exception", "sweep",
    ),
    "alone": (
        "prepare_a_playbook", "revise_it", "approve_it_first", "approve_it_second", "write_from_it", "send_alone", "send",
        "review_it", "retire_it",
    ),
    "drilled": ("write_a_drill", "copy_as_live", "complete_the_copy", *SENDING),
    "tested": ("send_a_test", "approve", "send"),
    "destroyed": ("write", *SENDING, "sweep", "close", DAY, "purge", "sweep"),
    "gone on without a platform": (
        "write_with_an_exception", "submit", "approve", "send", "order", "remind_of_the_order", "go_on_without_it",
        "cancel_the_order", "go_on_without_it", "order", "sweep",
    ),
    "ordered, and corrected": (
        "write_with_an_exception", "submit", "approve", "send", *ORDERED, "say_what_cannot_be", "sweep", "correct", "edit",
        "submit", "approve", "send", 5.0, *ORDERED, "sweep",
    ),
    "never ordered, and stopped": ("write_with_an_exception", "submit", "approve", "cancel_the_order", "stop", "stop", "sweep"),
    "never ordered": ("write_with_an_exception", "submit", "approve", "cancel_the_order", "send", "sweep"),
    "by hand": (
        "write_to_a_desk", "expect_people", "submit", "approve", "send", "ask_the_desk", "hear_the_desk", "stop",
        "stop_the_desk", "sweep",
    ),
}  # fmt: skip
