"""An operation that the product does not have: a deposit, held by one PaymentIntent.

It is written as the product's own operations are: what a caller asks for, what is done at Stripe,
how it is found again, and one row. Nothing else of the package knows of it.
"""

from collections.abc import Mapping
from dataclasses import replace

from stripe_billing_router.core.calls import Reply, StripeCall
from stripe_billing_router.core.operation import Instruction, Operation
from stripe_billing_router.domain.flows import Flow, Outcome, Tags, compact, with_tags
from stripe_billing_router.domain.objects import payment_intent
from stripe_billing_router.domain.objects.tagged import Listing, Search, find, only
from stripe_billing_router.domain.operations.intent import Intent, intent_of
from stripe_billing_router.domain.operations.kind import OperationKind


def intent_to_deposit(bot_id: str, customer_id: str, amount_minor: int) -> Intent:
    asked = {"amount": amount_minor, "customer": customer_id}
    instruction = Instruction(
        action="deposit",
        kind="deposit",
        bot_id=bot_id,
        amount_minor=amount_minor,
        currency="usd",
        customer_id=customer_id,
        payment_method_id="pm_card_visa",
    )
    return intent_of(instruction, None, asked=asked)


def deposit(instruction: Instruction, tags: Tags) -> Flow:
    reply = yield StripeCall(
        "create",
        "payment_intents.create",
        compact(
            amount=instruction.amount_minor,
            currency=instruction.currency,
            customer=instruction.customer_id,
            payment_method=instruction.payment_method_id,
            confirm=True,
            off_session=True,
            error_on_requires_action=True,
            metadata=with_tags(instruction, tags),
        ),
    )
    return judged(reply)


def judged(reply: Reply) -> Outcome:
    return replace(payment_intent.judge(reply, None), action_type="deposit")


def listed(operation: Operation, *, ever: bool = False) -> Listing:
    customer = operation.instruction.customer_id
    return find(operation, "payment_intents.list", ever=ever, customer=customer)


def search(operation: Operation) -> Search:
    return only([judged(Reply(item)) for item in (yield from listed(operation))])


def is_partial(_: Instruction, item: Mapping[str, object]) -> bool:
    return item.get("status") == "requires_confirmation"


DEPOSIT = OperationKind(
    kind="deposit",
    flow=deposit,
    search=search,
    earlier=lambda operation: listed(operation, ever=True),
    is_partial=is_partial,
)
