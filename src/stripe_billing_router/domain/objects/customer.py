"""A Customer: created or not, and reversed by deleting it."""

from __future__ import annotations

from typing import Final

from ...core.calls import CallFailedError, Reply, StripeCall
from ...core.operation import State
from ..flows import Outcome, Tags
from .kind import ObjectKind, Reversal, ReversalFlow


def judge(reply: Reply, email: str | None) -> Outcome:
    """Judge a customer: it is created. The ledger takes its email."""
    return Outcome(
        state=State.SUCCEEDED,
        reply=reply,
        action_type="customer",
        paid=False,
        user_email=reply.body.get("email"),
    )


def reverse(target: str, tags: Tags) -> ReversalFlow:
    """Delete a customer."""
    try:
        current = yield StripeCall(f"rollback.{target}.read", "customers.retrieve", target=target)
    except CallFailedError as failed:
        if failed.failure.http_status != 404:
            raise
        return Reversal("customer", target, True, "it is gone")
    if not current.body.get("deleted"):
        yield StripeCall(f"rollback.{target}.delete", "customers.delete", target=target)
    return Reversal("customer", target, True, "deleted")


KIND: Final = ObjectKind(object="customer", judge=judge, reverse=reverse)
