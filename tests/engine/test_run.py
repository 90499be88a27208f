"""A run: each step is recorded before it is sent, and recorded steps are never made up again."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router.assembly import Parts, assemble
from stripe_billing_router.core.calls import CallFailedError, Failure, Reply, StripeCall
from stripe_billing_router.core.operation import Instruction, Operation, State, StepRecord
from stripe_billing_router.domain.objects.tagged import tags_of
from stripe_billing_router.domain.operations.table import OPERATIONS
from stripe_billing_router.domain.steps import failed
from stripe_billing_router.engine.run import Run, UndecidedError
from stripe_billing_router.settings import Settings
from support.operations import OPERATION
from support.platform import PUBLIC_KEY, ROUTES, SECRET_KEY
from support.scripted import DECLINED, Answer

CREATE = StripeCall(
    "create",
    "payment_intents.create",
    {
        "amount": 1000,
        "currency": "usd",
        "customer": "cus_1",
        "metadata": tags_of(OPERATION),
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "payment_method": "pm_1",
        "confirm": True,
        "off_session": True,
        "error_on_requires_action": True,
    },
)
READ = StripeCall("remove.read", "payment_intents.retrieve", {}, "pi_1")
PAID: dict[str, Any] = {
    "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1000,
    "amount_received": 1000, "currency": "usd",
}  # fmt: skip
DECLINED_WITH_INTENT = replace(DECLINED, objects={"payment_intent": "pi_1"})
CANCELED = {"id": "pi_1", "object": "payment_intent", "status": "canceled"}


class Line:
    """A way to Stripe that gives these answers, in order, and notes what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.calls: list[StripeCall] = []

    def send(self, call: StripeCall, *, idempotency_key: str | None) -> Reply:
        self.calls.append(call)
        answer = self.answers.pop(0)
        if isinstance(answer, Failure):
            raise CallFailedError(answer)
        return Reply.of(answer)


RunOf = Callable[..., Run]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    routes = tmp_path / "routes.yaml"
    routes.write_text(ROUTES)
    built = assemble(
        Settings.load(
            secret_key=SECRET_KEY, public_key=PUBLIC_KEY, master_account_id=OPERATION.account,
            routing_config=routes, ledger_dir=tmp_path / "logs",
        )
    )  # fmt: skip
    yield built
    built.close()


@pytest.fixture
def run_of(parts: Parts) -> RunOf:
    """Return a run of an operation that the journal has, over a way to Stripe."""

    def build(line: Line, operation: Operation = OPERATION) -> Run:
        return Run(
            operation,
            leases=parts.engine._leases,
            mismatches=parts.mismatches,
            verified_gateway=lambda _account: line,
            runtime=parts.runtime,
        )

    return build


def begun(parts: Parts, run: Run) -> StripeCall:
    first = run.start()
    assert parts.records.begin(run.operation) is None
    return first


def test_every_kind_of_instruction_has_a_flow_that_begins_with_a_call(run_of: RunOf) -> None:
    for kind in OPERATIONS:
        asked = Instruction(action="charge", kind=kind, bot_id="finance:bot", payment_id="pi_1")
        run = run_of(Line(), replace(OPERATION, instruction=asked))
        assert isinstance(run.start(), StripeCall)


def test_a_reply_leads_to_the_end(parts: Parts, run_of: RunOf) -> None:
    line = Line(PAID)
    run = run_of(line)
    first = begun(parts, run)
    assert first == CREATE
    done = parts.engine._driver.drive(run.flow, run, first)
    assert (done.state, done.amount_minor) == (State.SUCCEEDED, 1000)
    assert line.calls == [CREATE]
    (step,) = run.operation.steps
    assert step.reply == PAID
    assert (step.attempt, step.params) == (1, CREATE.params)


def test_a_definite_failure_is_thrown_into_the_flow(parts: Parts, run_of: RunOf) -> None:
    line = Line(DECLINED_WITH_INTENT, CANCELED)
    run = run_of(line)
    with pytest.raises(CallFailedError):
        parts.engine._driver.drive(run.flow, run, begun(parts, run))
    assert line.calls == [CREATE, READ]
    assert [step.step for step in run.operation.steps] == ["create", "remove.read"]
    assert run.operation.steps[0].failure is not None
    assert run.operation.steps[1].reply == CANCELED


def test_a_step_that_writes_is_in_the_journal_before_it_is_sent(
    parts: Parts, run_of: RunOf
) -> None:
    seen: list[tuple[str, ...]] = []

    class Watched(Line):
        def send(self, call: StripeCall, *, idempotency_key: str | None) -> Reply:
            stored = parts.records.find(OPERATION.operation_id)
            seen.append(tuple(step.step for step in stored.steps) if stored else ())
            return super().send(call, idempotency_key=idempotency_key)

    unpaid = {**CANCELED, "status": "requires_action"}
    run = run_of(Watched(DECLINED_WITH_INTENT, unpaid, CANCELED))
    with pytest.raises(CallFailedError):
        parts.engine._driver.drive(run.flow, run, begun(parts, run))
    assert seen == [("create",), ("create",), ("create", "remove.read", "remove.cancel")]


def test_a_step_that_is_not_known_is_kept_as_it_is(parts: Parts, run_of: RunOf) -> None:
    lost = Failure(kind=DECLINED.kind.CONNECTION)
    run = run_of(Line(lost))
    with pytest.raises(UndecidedError):
        parts.engine._driver.drive(run.flow, run, begun(parts, run))
    (step,) = run.operation.steps
    assert (step.unknown_sends, step.reply, step.failure) == (1, None, None)


def test_a_recorded_call_is_sent_as_it_was_and_never_made_up_again(
    parts: Parts, run_of: RunOf
) -> None:
    recorded = StepRecord(
        step="create", method="payment_intents.create", params={"amount": 5}, first_sent_ms=7_000
    )
    now = replace(recorded, first_sent_ms=parts.runtime.now_ms())
    line = Line(PAID)
    run = run_of(line, replace(OPERATION, steps=(now,)))
    parts.engine._driver.drive(run.flow, run)
    assert line.calls == [StripeCall("create", "payment_intents.create", {"amount": 5})]
    assert run.operation.steps[0].first_sent_ms == now.first_sent_ms
    # A process that died may have sent it.
    assert run.operation.steps[0].unknown_sends == 1


def test_records_of_another_flow_are_not_taken_for_this_one(parts: Parts, run_of: RunOf) -> None:
    other = StepRecord(step="other", method="x.create")
    run = run_of(Line(), replace(OPERATION, steps=(other,)))
    with pytest.raises(AssertionError, match="other"):
        parts.engine._driver.drive(run.flow, run)


def test_a_process_that_takes_over_comes_to_the_same_next_call(parts: Parts, run_of: RunOf) -> None:
    """Fed what was recorded, a flow asks for what its dead process was about to ask."""
    record = StepRecord(step="create", method="payment_intents.create", params=CREATE.params)
    steps = (failed(record, DECLINED_WITH_INTENT),)
    line = Line(CANCELED)
    run = run_of(line, replace(OPERATION, steps=steps))
    with pytest.raises(CallFailedError):
        parts.engine._driver.drive(run.flow, run)
    assert line.calls == [READ]


def test_an_operation_is_never_changed_in_place(run_of: RunOf) -> None:
    run = run_of(Line())
    run.start()
    assert OPERATION.steps == ()
