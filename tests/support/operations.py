"""An operation as the journal holds it, for tests that need one in some state."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stripe_billing_router.core.operation import Instruction, Operation, Result, State

OPERATION = Operation(
    operation_id="op_1",
    bot_id="finance:bot",
    action="charge",
    idempotency_key="order-17",
    account="acct_Master1",
    attempt=1,
    state=State.PENDING,
    fingerprint="f" * 64,
    request_fingerprint="a" * 64,
    instruction=Instruction(
        action="charge",
        kind="amount",
        bot_id="finance:bot",
        amount_minor=1000,
        currency="usd",
        customer_id="cus_1",
        payment_method_id="pm_1",
        user_email="route@example.com",
        customer_known=True,
    ),
    created_ms=1_000,
    updated_ms=1_000,
)


def open_operation(body: Mapping[str, Any] | None) -> Operation:
    """Return one that Stripe accepted and that is not final; its object is `body`."""
    result = None if body is None else Result(body=body, paid=False, amount=None, currency=None)
    return replace(OPERATION, state=State.OPEN, result=result)
