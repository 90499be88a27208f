"""Objects at Stripe that carry our metadata: how they are marked, and how they are found again.

They are found by paging through lists from the intent's time on and matching the metadata;
Stripe's search lags behind and cannot show absence.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Final

from ...core.calls import CallFailedError, Failure, FailureKind, Reply, StripeCall
from ...core.clean_json import CleanJson
from ...core.operation import Operation
from ..flows import Outcome, compact, expanded
from ..resend import LOOK_BACK_S

OPERATION_TAG: Final = "sbr_operation"
_MOST_PAGES: Final = 1000

Search = Generator[StripeCall, Reply, Outcome | None]
Listing = Generator[StripeCall, Reply, list[CleanJson]]


def tags_of(operation: Operation) -> dict[str, str]:
    """Return the metadata that marks an object at Stripe as this operation's."""
    return {
        OPERATION_TAG: operation.operation_id,
        "sbr_bot": operation.bot_id,
        "sbr_action": operation.action,
        "sbr_attempt": str(operation.attempt),
    }


def carries_tag(item: Mapping[str, Any], operation_id: str) -> bool:
    """Return whether this operation created the object."""
    return bool(expanded(item.get("metadata")).get(OPERATION_TAG) == operation_id)


def attempt_of(item: Mapping[str, Any]) -> int:
    """Return the number of the attempt that created this object."""
    return int(item["metadata"].get("sbr_attempt") or 1)


def find(operation: Operation, method: str, *, ever: bool = False, **filters: Any) -> Listing:
    """Page through a list and return what carries this operation's tag, newest first.

    By default from the intent's time on; with `ever`, for when the journal is unavailable, also
    what another host or an earlier process created for the same business key.
    """
    created = None if ever else {"gte": operation.created_ms // 1000 - LOOK_BACK_S}
    found: list[CleanJson] = []
    last: str | None = None
    for page_number in range(_MOST_PAGES):
        page = yield StripeCall(
            f"find.{page_number}",
            method,
            compact(created=created, limit=100, starting_after=last, **filters),
        )
        items = page.body.entries()
        found.extend(item for item in items if carries_tag(item, operation.operation_id))
        if not page.body.get("has_more") or not items:
            return found
        last = str(items[-1]["id"])
    # A part of a list does not show absence.
    raise CallFailedError(Failure(FailureKind.OTHER, f"{method} has more than {_MOST_PAGES} pages"))


def only(outcomes: list[Outcome]) -> Outcome | None:
    """Return the object that counts: one that took money before a dead one."""
    return min(outcomes, key=lambda one: (not one.paid, one.state.value == "failed"), default=None)
