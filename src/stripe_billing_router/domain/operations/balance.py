"""The balance: a read, journalled like every other operation."""

from __future__ import annotations

from typing import Any, Final

from ...core.calls import StripeCall
from ...core.money import normalize_currency
from ...core.operation import Instruction, State
from ..flows import Flow, Outcome, Tags
from ..resolved import Resolved
from .intent import Intent, intent_of
from .kind import OperationKind


def intent_to_read_balance(found: Resolved, currency: Any) -> Intent:
    """Build the intent to read the balance in one currency, by default the route's."""
    named = found.require_currency() if currency is None else normalize_currency(currency)
    instruction = Instruction(
        action="balance",
        kind="balance",
        bot_id=found.bot.canonical,
        currency=named,
        user_email=found.route.user_email,
    )
    return intent_of(instruction, None, asked={"currency": named})


def read_balance(instruction: Instruction, tags: Tags) -> Flow:
    """Read the available balance in the instruction's currency; Stripe omits unused ones."""
    reply = yield StripeCall("balance", "balance.retrieve")
    available = [
        item["amount"]
        for item in reply.body.get("available", [])
        if item.get("currency") == instruction.currency
    ]
    return Outcome(
        state=State.SUCCEEDED,
        reply=reply,
        action_type="balance",
        paid=False,
        amount_minor=sum(available),
        currency=instruction.currency,
        user_email=instruction.user_email,
    )


BALANCE: Final = OperationKind(kind="balance", flow=read_balance)
