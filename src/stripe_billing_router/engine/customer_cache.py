"""The customer cache: with it a warm charge reads nothing before it pays."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from ..core.events import Declined, Replied
from ..core.forks import ForkSafeLock
from ..core.operation import Instruction
from ..domain.flows import default_payment_method

_MOST_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    email: str | None
    payment_method_id: str | None
    until_s: float


class CustomerCache:
    """Facts read about customers and prices.

    For a customer: default payment method and email, kept for `keep_s` seconds. For a price: its
    currency, which never changes.
    """

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._lock = ForkSafeLock()
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._currency_of_price: dict[str, str] = {}

    def note(self, event: Replied) -> None:
        """Keep what a reply to the read of a customer or price says; ignore other calls."""
        call, body = event.call, event.body
        if call.method == "prices.retrieve" and call.target:
            if len(self._currency_of_price) < _MOST_KEPT:
                self._currency_of_price[call.target] = str(body.get("currency"))
            return
        if call.method != "customers.retrieve" or body.get("deleted") or not call.target:
            return
        known = _Known(
            body.get("email"),
            default_payment_method(body),
            time.monotonic() + self._keep_s,
        )
        with self._lock:
            self._known[call.target] = known
            self._known.move_to_end(call.target)
            while len(self._known) > _MOST_KEPT:
                self._known.popitem(last=False)

    def forget(self, event: Declined) -> None:
        """Drop a customer whose payment was declined: the cached facts may be out of date."""
        with self._lock:
            self._known.pop(event.customer_id or "", None)

    def complete(self, instruction: Instruction) -> Instruction:
        """Return the instruction completed with the cached facts of its customer and price."""
        if instruction.kind == "price" and instruction.currency is None:
            instruction = replace(
                instruction, currency=self._currency_of_price.get(instruction.price_id or "")
            )
        known = self._known.get(instruction.customer_id or "")
        if known is None or time.monotonic() >= known.until_s:
            return instruction
        method = instruction.payment_method_id
        if instruction.kind == "amount":
            method = method or known.payment_method_id
        return replace(
            instruction,
            user_email=instruction.user_email or known.email,
            payment_method_id=method,
            customer_known=True,
        )
