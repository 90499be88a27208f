"""What is known of customers for a while, so that a warm charge is one request."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from .domain.calls import Reply, StripeCall
from .domain.flows import default_payment_method
from .operation import Plan

_MOST_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    email: str | None
    payment_method_id: str | None
    until_s: float


class CustomerCache:
    """The default payment method and email of customers that were read, for `keep_s` seconds."""

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def note(self, call: StripeCall, reply: Reply) -> None:
        """Keep what a reply to `customers.retrieve` says; ignore every other call."""
        if call.method != "customers.retrieve" or reply.body.get("deleted") or not call.target:
            return
        known = _Known(
            reply.body.get("email"),
            default_payment_method(reply.body),
            time.monotonic() + self._keep_s,
        )
        with self._lock:
            self._known[call.target] = known
            self._known.move_to_end(call.target)
            while len(self._known) > _MOST_KEPT:
                self._known.popitem(last=False)

    def forget(self, customer_id: str | None) -> None:
        """Drop what is known of a customer whose payment was declined: it may be out of date."""
        with self._lock:
            self._known.pop(customer_id or "", None)

    def complete(self, plan: Plan) -> Plan:
        """Return the plan with the customer's email and default method, if they are known."""
        known = self._known.get(plan.customer_id or "")
        if known is None or time.monotonic() >= known.until_s:
            return plan
        method = plan.payment_method_id
        if plan.kind == "amount":
            method = method or known.payment_method_id
        return replace(
            plan,
            user_email=plan.user_email or known.email,
            payment_method_id=method,
            customer_known=True,
        )
