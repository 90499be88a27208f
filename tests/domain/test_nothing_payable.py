"""Whatever Stripe refuses and whenever: a charge that failed leaves nothing that can be paid."""

from collections.abc import Generator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stripe_billing_router.core.calls import CallFailedError, Failure, Reply, StripeCall
from stripe_billing_router.core.operation import Instruction, State
from stripe_billing_router.domain.flows import Outcome, UncleanError
from stripe_billing_router.domain.operations.charge import charge_by_amount, charge_by_price
from stripe_billing_router.errors import BillingError
from support.scripted import DECLINED, FORBIDDEN, REJECTED

AMOUNT = Instruction(
    action="charge", kind="amount", bot_id="finance:bot", amount_minor=1000, currency="usd",
    customer_id="cus_1",
)  # fmt: skip
PRICE = Instruction(
    action="charge", kind="price", bot_id="finance:bot", price_id="price_1", customer_id="cus_1",
    permitted_minor=1000,
)  # fmt: skip
DEAD = {"none", "canceled", "void", "deleted"}
PAID = {"succeeded", "paid"}
WAITING = {"requires_payment_method"}
ANY = DEAD | PAID | WAITING | {"draft", "open", "uncollectible", "processing"}
# What Stripe takes only from an object in one of these states.
FROM = {
    "payment_intents.cancel": WAITING,
    "invoices.delete": {"draft"},
    "invoices.finalize_invoice": {"draft"},
    "invoices.pay": {"open"},
    "invoices.void_invoice": {"open", "uncollectible"},
}


class Account:
    """One PaymentIntent or invoice, and a Stripe that refuses whatever `data` says."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.status = "none"
        self.due = data.draw(st.sampled_from([1000, 900, 1100, 0]))
        self.refused = data.draw(st.sets(st.integers(0, 6), min_size=1, max_size=2))
        self.calls = 0
        self.was_paid = False

    def answer(self, call: StripeCall) -> Reply | Failure:
        refused = self.calls in self.refused or self.status not in FROM.get(call.method, ANY)
        answer = self.refuse(call) if refused else Reply.of(self.carry_out(call))
        self.calls += 1
        self.was_paid = self.was_paid or self.status in PAID
        return answer

    def refuse(self, call: StripeCall) -> Failure:
        takes_money = call.method in ("payment_intents.create", "invoices.pay")
        if not takes_money:
            return self.data.draw(st.sampled_from([REJECTED, FORBIDDEN]))
        if call.method == "invoices.pay":
            # It may have been paid by somebody else in the meantime.
            self.status = self.data.draw(st.sampled_from(["open", "paid", "uncollectible"]))
            return DECLINED
        if self.data.draw(st.booleans()):
            return REJECTED  # refused before an intent was made
        self.status = self.data.draw(
            st.sampled_from(["requires_payment_method", "canceled", "processing", "succeeded"])
        )
        return Failure(DECLINED.kind, http_status=402, objects={"payment_intent": "x_1"})

    def carry_out(self, call: StripeCall) -> dict[str, Any]:
        at_once = "paid" if self.due == 0 else "open"
        outcomes = {
            "payment_intents.create": ["succeeded", "processing", "requires_payment_method"],
            "payment_intents.cancel": ["canceled"],
            "invoices.create": ["draft"],
            "invoices.finalize_invoice": [at_once],
            "invoices.pay": ["paid", "open"],
            "invoices.void_invoice": ["void"],
            "invoices.delete": ["deleted"],
        }
        if call.method in outcomes:
            self.status = self.data.draw(st.sampled_from(outcomes[call.method]))
        return {
            "id": "x_1", "status": self.status, "amount": 1000, "amount_received": 1000,
            "amount_due": self.due, "amount_paid": self.due, "total": 1000, "currency": "usd",
        }  # fmt: skip


def run(flow: Generator[StripeCall, Reply, Outcome], account: Account) -> Outcome:
    call = next(flow)
    while True:
        answer = account.answer(call)
        try:
            if isinstance(answer, Failure):
                call = flow.throw(CallFailedError(answer))
            else:
                call = flow.send(answer)
        except StopIteration as done:
            settlement: Outcome = done.value
            return settlement


@settings(max_examples=500)
@given(st.data(), st.sampled_from([AMOUNT, PRICE]))
def test_a_failure_leaves_nothing_payable_and_a_payment_is_never_lost(
    data: st.DataObject, instruction: Instruction
) -> None:
    account = Account(data)
    flow = charge_by_amount if instruction is AMOUNT else charge_by_price
    try:
        done = run(flow(instruction, {"sbr_operation": "op_1"}), account)
    except UncleanError:
        return  # it stays open, and whoever comes back looks again
    except (CallFailedError, BillingError):
        assert account.status in DEAD
        assert not account.was_paid
        return
    assert done.paid is (account.status in PAID)
    assert done.paid is (done.state is State.SUCCEEDED)
    assert (done.state is State.FAILED) is (account.status in DEAD)
    if instruction is PRICE and done.paid:
        assert account.due <= 1000, "more than was permitted is never taken"
