"""The small words that all flows are written in."""

from collections.abc import Generator

import pytest

from stripe_billing_router.core.calls import Reply, StripeCall
from stripe_billing_router.core.operation import Instruction
from stripe_billing_router.domain.flows import (
    UncleanError,
    cleanup,
    compact,
    default_payment_method,
    expanded,
    identifier,
    with_tags,
)
from support.scripted import FORBIDDEN, play


def test_parameters_that_are_not_there_are_left_out() -> None:
    assert compact(a=None, b={}, c=[], d=False, e=0, f="", g="x") == {
        "d": False, "e": 0, "f": "", "g": "x",
    }  # fmt: skip


def test_our_tags_win_over_metadata_of_the_same_name() -> None:
    instruction = Instruction(
        action="charge", kind="amount", bot_id="a:b", metadata={"order": "1", "tag": "2"}
    )
    assert with_tags(instruction, {"tag": "ours"}) == {"order": "1", "tag": "ours"}


def test_an_id_is_found_whether_its_object_is_expanded_or_not() -> None:
    assert identifier("cus_1") == "cus_1"
    assert identifier({"id": "cus_1"}) == "cus_1"
    assert identifier({}) is None
    assert identifier(None) is None
    assert expanded({"id": "cus_1"}) == {"id": "cus_1"}
    assert expanded("cus_1") == {}
    assert expanded(None) == {}


def test_the_default_payment_method_is_the_one_that_invoices_would_use() -> None:
    settings = {"default_payment_method": "pm_1"}
    assert default_payment_method({"invoice_settings": settings}) == "pm_1"
    both = {"invoice_settings": settings, "default_source": "card_1"}
    assert default_payment_method(both) == "pm_1"
    assert default_payment_method({"default_source": {"id": "card_1"}}) == "card_1"
    empty = {"invoice_settings": {"default_payment_method": None}, "default_source": None}
    assert default_payment_method(empty) is None
    assert default_payment_method({}) is None


READ = StripeCall("remove.read", "payment_intents.retrieve", target="pi_1")


def removal(*, fault: Exception | None = None) -> Generator[StripeCall, Reply, Reply | None]:
    reply = yield READ
    if fault:
        raise fault
    return reply


class TestCleanup:
    def test_a_removal_gives_back_what_it_found(self) -> None:
        assert play(cleanup(removal()), (READ, {"id": "pi_1"})) == Reply.of({"id": "pi_1"})

    def test_one_that_fails_says_that_something_may_be_left(self) -> None:
        with pytest.raises(UncleanError) as caught:
            play(cleanup(removal()), (READ, FORBIDDEN))
        assert caught.value.failure == FORBIDDEN
        assert str(caught.value) == "permission"
        assert caught.value.__context__ is None, "the failure is told once, not as a chain"

    def test_faults_of_another_kind_are_let_through(self) -> None:
        with pytest.raises(KeyError):
            play(cleanup(removal(fault=KeyError("id"))), (READ, {}))
