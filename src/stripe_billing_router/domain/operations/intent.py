"""An instruction with its fingerprints: what a helper's arguments and a route result in.

The fingerprint covers what is bought and never how it is paid or described. There are two: of the
resolved facts, and of the request as the caller made it. If either is equal, the purchase is the
same: a bot's retry stays a retry when the operator has changed the route in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.identifiers import refuse_secrets
from ...core.ids import fingerprints
from ...core.money import decimal_amount
from ...core.operation import Instruction


@dataclass(frozen=True, slots=True)
class Intent:
    """An instruction with the fingerprints of what was resolved and of what was asked."""

    instruction: Instruction
    fingerprint: str
    request_fingerprint: str


def intent_of(
    instruction: Instruction,
    overrides: Mapping[str, str] | None,
    *,
    asked: Mapping[str, Any],
    bought: Mapping[str, Any] | None = None,
) -> Intent:
    """Return the intent of an instruction.

    `asked` is the request as the caller made it; `bought` replaces facts of the instruction in the
    fingerprint, where those do not say what is bought.
    """
    refuse_secrets(
        description=instruction.description,
        metadata=instruction.metadata,
        params=instruction.params,
    )
    facts: dict[str, Any] = {
        "kind": instruction.kind,
        "amount_minor": instruction.amount_minor,
        "amount": instruction.amount,
        "currency": instruction.currency,
        "price": instruction.price_id,
        "customer": instruction.customer_id,
        "payment": instruction.payment_id,
        "overrides": dict(overrides or {}),
        **(bought or {}),
    }
    request = {"kind": instruction.kind, "overrides": dict(overrides or {}), "asked": dict(asked)}
    return Intent(instruction, *fingerprints(facts, request))


def written(amount: Any) -> str:
    """Write 10, "10.00" and 10.0 the same way, whatever the caller's decimal context."""
    text = str(decimal_amount(amount))
    return text.rstrip("0").rstrip(".") if "." in text else text
