"""What must be true of Stripe, journal and ledger together, whatever happened before."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stripe_billing_router.core.money import to_minor
from stripe_billing_router.core.operation import MONEY_ACTIONS, LedgerRow, Operation, State
from stripe_billing_router.testing import Effect

TAG = "sbr_operation"
Objects = Callable[[str], Mapping[str, dict[str, Any]]]
_AT_AN_END = {State.SUCCEEDED, State.FAILED, State.ROLLED_BACK}


@dataclass
class Audit:
    """One look at all three. `violations` is empty when they agree."""

    effects: Iterable[Effect]
    operations: Iterable[Operation]
    rows: Iterable[LedgerRow]
    objects: Objects
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.by_id = {operation.operation_id: operation for operation in self.operations}
        self.money = [r for r in self.rows if r.error == 0 and r.action_type in MONEY_ACTIONS]
        self.effects_of: dict[str, list[Effect]] = defaultdict(list)
        for effect in self.effects:
            if TAG in effect.metadata:  # Others were seeded before.
                self.effects_of[effect.metadata[TAG]].append(effect)
        self.rows_of: dict[str, list[LedgerRow]] = defaultdict(list)
        for row in self.money:
            self.rows_of[str(_metadata(row).get(TAG))].append(row)

    def never(self) -> list[str]:
        """Check what holds at every moment, also in the middle of an operation."""
        for name in self.effects_of:
            charged, refunded = self._moved(name)
            if len(charged) > 1 or len(refunded) > 1:
                self._found(name, f"moved money twice: {charged} {refunded}")
        for name, rows in self.rows_of.items():
            if len({row.action_type for row in rows}) != len(rows):
                self._found(name, f"has {len(rows)} money rows")
            if len(self._own(name)) != 1:
                self._found(name, f"has a money row and {len(self._own(name))} effects")
        return self.violations

    def at_the_end(self) -> list[str]:
        """Check what holds once every dead process's operations were recovered."""
        self.never()
        for name in self.effects_of.keys() - self.by_id.keys():
            self._found(name, "moved money and is not in the journal")
        for name, operation in self.by_id.items():
            if operation.state not in _AT_AN_END:
                self._found(name, f"is still {operation.state}: {operation.error_message}")
            elif operation.action in MONEY_ACTIONS:
                self._check_money(name, operation)
        self._check_nothing_is_loose()
        return self.violations

    def _check_money(self, name: str, operation: Operation) -> None:
        own, rows = self._own(name), self.rows_of.get(name, [])
        if operation.state is State.SUCCEEDED:
            if len(own) != 1 or len(rows) != 1:
                self._found(name, f"succeeded with {len(own)} effects and {len(rows)} money rows")
            elif _minor(rows[0]) != own[0].amount_minor:
                self._found(name, f"row says {rows[0].amount}, Stripe {own[0].amount_minor}")
        elif rows and not self._is_balanced(name, operation):
            self._found(name, f"is {operation.state} and has a money row")
        elif operation.state is State.FAILED and own:
            self._found(name, f"failed and has an effect: {own}")
        else:
            charged, refunded = self._moved(name)
            left = sum(e.amount_minor for e in charged) - sum(e.amount_minor for e in refunded)
            if operation.action != "refund" and left:
                self._found(name, f"is {operation.state} and {left} of it is left at Stripe")

    def _is_balanced(self, name: str, operation: Operation) -> bool:
        """Tell whether what was taken and then reversed by another host adds up to nothing."""
        rows = self.rows_of.get(name, [])
        taken = sum(_minor(row) for row in rows if row.action_type != "refund")
        returned = sum(_minor(row) for row in rows if row.action_type == "refund")
        return operation.state is State.ROLLED_BACK and taken == returned

    def _check_nothing_is_loose(self) -> None:
        for invoice in self.objects("invoice").values():
            if invoice["status"] not in ("paid", "void"):
                self._found(invoice["id"], f"is left {invoice['status']}: {invoice['metadata']}")
        for intent in self.objects("payment_intent").values():
            if intent["status"] not in ("succeeded", "canceled"):
                self._found(intent["id"], f"is left {intent['status']}: {intent['metadata']}")
        for item in self.objects("invoiceitem").values():
            if not item.get("invoice"):
                self._found(item["id"], "waits for the next invoice")
        for kind in ("subscription", "checkout.session", "customer"):
            made = Counter(
                item["metadata"][TAG]
                for item in self.objects(kind).values()
                if TAG in (item.get("metadata") or {})
                and item.get("status") not in ("canceled", "expired")
            )
            for name, times in made.items():
                state = self.by_id[name].state if name in self.by_id else None
                if times > 1 or state is not State.SUCCEEDED:
                    self._found(name, f"is {state} and has {times} of {kind}")

    def _moved(self, name: str) -> tuple[list[Effect], list[Effect]]:
        """Return charges and refunds that carry the name of an operation."""
        effects = self.effects_of.get(name, [])
        charges = [effect for effect in effects if effect.kind == "charge"]
        return charges, [effect for effect in effects if effect.kind == "refund"]

    def _own(self, name: str) -> list[Effect]:
        """Return an operation's effects of its own kind: a charge may have been rolled back."""
        charged, refunded = self._moved(name)
        operation = self.by_id.get(name)
        return refunded if operation is not None and operation.action == "refund" else charged

    def _found(self, name: str, what: str) -> None:
        operation = self.by_id.get(name)
        who = f" ({operation.action} {operation.idempotency_key})" if operation else ""
        self.violations.append(f"{name}{who} {what}")


def _metadata(row: LedgerRow) -> Mapping[str, Any]:
    body = json.loads(row.raw_event_json)
    return body.get("metadata") or {}


def _minor(row: LedgerRow) -> int:
    assert row.amount is not None, "a money row has an amount"
    assert row.currency is not None, "a money row has a currency"
    return to_minor(row.amount, row.currency)
