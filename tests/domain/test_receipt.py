"""A receipt is plain data: nobody can change it, and its secrets stay with whoever asked."""

import copy
import json
import pickle
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from stripe_billing_router.core.receipt import Receipt

SECRET = "pi_1_secret_Hidden9"
BODY: dict[str, Any] = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "succeeded",
    "livemode": True,
    "client_secret": SECRET,
    "metadata": {"order": "17"},
    "latest_charge": {"id": "ch_1", "refunds": [{"id": "re_1"}]},
    "next_action": [{"redirect": {"client_secret": SECRET, "note": f"see {SECRET}"}}],
}


FACTS: dict[str, Any] = {
    "paid": True,
    "amount": Decimal("19.99"),
    "currency": "usd",
    "bot_id": "finance:bot",
    "operation_id": "op_1",
    "idempotency_key": "order-17",
    "request_id": "req_1",
    "replayed": True,
}


def receipt(body: Mapping[str, Any] = BODY, **fields: Any) -> Receipt:
    return Receipt(body, **{**FACTS, **fields})


ATTRIBUTES: dict[str, Any] = {
    **FACTS,
    "id": "pi_1",
    "object": "payment_intent",
    "status": "succeeded",
    "livemode": True,
}


def test_its_attributes_say_what_happened() -> None:
    assert {name: getattr(receipt(), name) for name in ATTRIBUTES} == ATTRIBUTES


def test_a_first_answer_is_no_replay_and_may_lack_a_request_id() -> None:
    first = Receipt(
        {},
        paid=False,
        amount=None,
        currency=None,
        bot_id="finance:bot",
        operation_id="op_1",
        idempotency_key="order-17",
    )
    assert (first.replayed, first.request_id) == (False, None)
    assert (first.id, first.object, first.status) == ("", "", None)


@pytest.mark.parametrize(("livemode", "expected"), [(True, True), (False, False), (None, True)])
def test_only_what_stripe_calls_a_test_is_one(livemode: bool | None, expected: bool) -> None:
    """A refund and a deleted object do not say; verification has seen to the rest."""
    assert receipt({"livemode": livemode}).livemode is expected
    assert receipt({}).livemode is True


class TestMapping:
    def test_it_reads_like_stripes_json(self) -> None:
        assert isinstance(receipt(), Mapping)
        assert receipt()["status"] == "succeeded"
        assert receipt().get("nothing") is None
        assert "id" in receipt()
        assert list(receipt()) == list(BODY)
        assert len(receipt()) == len(BODY)
        assert dict(receipt()) == BODY
        assert {**receipt()} == BODY
        with pytest.raises(KeyError):
            receipt()["nothing"]

    def test_whoever_paid_may_have_the_client_secret_by_name(self) -> None:
        assert receipt()["client_secret"] == SECRET
        assert receipt().to_dict() == BODY

    def test_it_is_plain_data_all_the_way_down(self) -> None:
        assert json.loads(json.dumps(receipt().to_dict())) == BODY


class TestImmutable:
    @pytest.mark.parametrize("name", [*ATTRIBUTES, "_body", "anything"])
    def test_no_attribute_can_be_set_or_deleted(self, name: str) -> None:
        mine = receipt()
        with pytest.raises(AttributeError, match=name):
            setattr(mine, name, "changed")
        with pytest.raises(AttributeError, match=name):
            delattr(mine, name)
        assert mine == receipt()

    def test_no_item_can_be_set(self) -> None:
        with pytest.raises(TypeError):
            receipt()["status"] = "succeeded"  # type: ignore[index]

    def test_nobody_reaches_it_through_what_it_gave_out_or_was_made_from(self) -> None:
        body = copy.deepcopy(BODY)
        mine = receipt(body)
        body["latest_charge"]["refunds"].append("forged")
        mine["latest_charge"]["refunds"].append("forged")
        mine.to_dict()["metadata"]["order"] = "forged"
        dict(mine.items())["metadata"]["order"] = "forged"
        assert mine.to_dict() == BODY

    def test_it_has_no_room_for_more(self) -> None:
        assert not hasattr(receipt(), "__dict__")


class TestEquality:
    def test_it_is_the_operation_and_the_object_that_count(self) -> None:
        assert receipt() == receipt(replayed=False, request_id=None)
        assert hash(receipt()) == hash(receipt(replayed=False))
        assert receipt() != receipt(operation_id="op_2")
        assert receipt() != receipt({**BODY, "status": "canceled"})
        assert len({receipt(), receipt(), receipt(operation_id="op_2")}) == 2

    def test_it_equals_nothing_else(self) -> None:
        assert receipt() != BODY
        assert receipt() != "pi_1"


class TestSecrets:
    def test_nothing_shows_them_but_asking(self) -> None:
        for shown in repr(receipt()), str(receipt()), f"{receipt()}", f"{[receipt()]}":
            assert "secret" not in shown
        for fact in ("pi_1", "payment_intent", "succeeded", "19.99", "usd", "finance:bot", "op_1"):
            assert fact in repr(receipt())
        assert "paid=True" in repr(receipt())
        assert "replayed=True" in repr(receipt())

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_a_pickle_does_not_hold_them(self, protocol: int) -> None:
        pickled = pickle.dumps(receipt(), protocol)
        assert b"Hidden9" not in pickled
        self.is_the_same_without_secrets(pickle.loads(pickled))  # noqa: S301 - our own bytes

    def test_a_copy_does_not_hold_them(self) -> None:
        self.is_the_same_without_secrets(copy.copy(receipt()))
        self.is_the_same_without_secrets(copy.deepcopy(receipt()))

    def is_the_same_without_secrets(self, other: Any) -> None:
        assert isinstance(other, Receipt)
        assert "Hidden9" not in json.dumps(other.to_dict())
        assert "client_secret" not in other
        for name in ATTRIBUTES:
            assert getattr(other, name) == getattr(receipt(), name)
        assert other["latest_charge"] == BODY["latest_charge"]
        assert hash(other) == hash(receipt())

    def test_without_secrets_a_pickle_is_equal(self) -> None:
        plain = receipt({"id": "pi_1", "amount": 1999})
        assert pickle.loads(pickle.dumps(plain)) == plain  # noqa: S301 - our own bytes
