"""Which answers belong to the master account, which are foreign, and which merely suspicious."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.core.calls import StripeCall
from stripe_billing_router.core.operation import State, StepRecord
from stripe_billing_router.domain.verification import Verdict, state_after, verify
from support.operations import OPERATION

MASTER = "acct_Master1"
FOREIGN = "acct_Foreign9"
INTENT: dict[str, Any] = {"id": "pi_1", "object": "payment_intent", "livemode": True}


def seen(body: dict[str, Any], headers: dict[str, str] | None = None) -> Verdict:
    return verify({**INTENT, **body}, headers or {}, MASTER)


# Each place where an account may stand: its name in a verdict, and an object that holds it there.
PLACES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "on_behalf_of": lambda account: {"on_behalf_of": account},
    "account": lambda account: {"account": account},
    "transfer_data.destination": lambda account: {"transfer_data": {"destination": account}},
    "issuer.account": lambda account: {"issuer": {"type": "account", "account": account}},
    "invoice_settings.issuer.account": lambda account: {
        "invoice_settings": {"issuer": {"type": "account", "account": account}}
    },
}
every_place = pytest.mark.parametrize("place", PLACES)


def expanded(account: str) -> dict[str, Any]:
    return {"id": account, "object": "account", "livemode": True}


class TestForeign:
    @pytest.mark.parametrize("account", ["acct_1P", "acct_0", "acct_59", "acct_a_b", "acct_Zz"])
    def test_letters_digits_and_underscores_make_an_account(self, account: str) -> None:
        assert seen({"account": account}).foreign_account == account

    @every_place
    def test_a_foreign_account_is_found_as_an_id(self, place: str) -> None:
        verdict = seen(PLACES[place](FOREIGN))
        assert verdict == Verdict(foreign_account=FOREIGN, where=place)
        assert not verdict.ok

    @every_place
    def test_a_foreign_account_is_found_expanded(self, place: str) -> None:
        assert seen(PLACES[place](expanded(FOREIGN))).foreign_account == FOREIGN

    @every_place
    def test_a_foreign_account_is_found_in_a_nested_object(self, place: str) -> None:
        charge = {"id": "ch_1", "object": "charge", **PLACES[place](FOREIGN)}
        verdict = seen({"latest_charge": charge})
        assert verdict == Verdict(foreign_account=FOREIGN, where=f"latest_charge.{place}")

    @every_place
    def test_a_foreign_account_is_found_in_an_item_of_a_list(self, place: str) -> None:
        items = [
            {"id": "ch_1", "object": "charge"},
            {"id": "ch_2", "object": "charge", **PLACES[place](FOREIGN)},
        ]
        verdict = seen({"charges": {"object": "list", "data": items}})
        assert verdict == Verdict(foreign_account=FOREIGN, where=f"charges.data.{place}")

    def test_a_foreign_account_is_found_in_an_object_below_plain_fields(self) -> None:
        charge = {"id": "ch_1", "object": "charge", "on_behalf_of": FOREIGN}
        assert seen({"next": {"deep": [[{"charge": charge}]]}}).foreign_account == FOREIGN

    def test_a_foreign_account_is_found_in_the_header(self) -> None:
        verdict = seen({}, {"stripe-account": FOREIGN})
        assert verdict == Verdict(foreign_account=FOREIGN, where="Stripe-Account header")

    def test_a_foreign_account_outweighs_a_suspicion_found_before_it(self) -> None:
        body = {"livemode": False, "on_behalf_of": "nonsense", "account": FOREIGN}
        assert seen(body, {"stripe-account": ""}) == Verdict(
            foreign_account=FOREIGN, where="account"
        )


class TestMaster:
    @every_place
    def test_the_master_account_itself_is_welcome_everywhere(self, place: str) -> None:
        for account in (MASTER, expanded(MASTER)):
            assert seen(PLACES[place](account)) == Verdict()
        assert seen({}, {"stripe-account": MASTER}).ok

    def test_the_master_account_in_one_place_hides_nobody_in_another(self) -> None:
        body = {"on_behalf_of": MASTER, "transfer_data": {"destination": FOREIGN}}
        verdict = seen(body, {"stripe-account": MASTER})
        assert verdict.where == "transfer_data.destination"
        assert not seen({"on_behalf_of": MASTER, "livemode": False}).ok

    def test_an_object_that_names_nobody_is_well(self) -> None:
        assert seen({}) == Verdict()
        body = {"on_behalf_of": None, "transfer_data": None, "issuer": {"type": "self"}}
        assert seen({**body, "invoice_settings": {"issuer": {"type": "self"}}}).ok
        assert seen({"invoice_settings": {"default_payment_method": "pm_1"}}).ok
        assert verify({}, {}, MASTER).ok  # a balance may lack every field but its amounts

    @every_place
    def test_metadata_names_nobody(self, place: str) -> None:
        """It is free text of the account's users: anyone could write an account into it."""
        item = {"id": "ch_1", "object": "charge", "metadata": {"account": FOREIGN}}
        text = {"object": "charge", "livemode": False, **PLACES[place](FOREIGN)}
        assert seen({"metadata": {"livemode": "false", **text}, "latest_charge": item}).ok

    def test_fields_of_other_names_do_not_count(self) -> None:
        """`destination` alone is a bank's, `application` a Connect client, a text is no holder."""
        body = {
            "destination": FOREIGN,
            "application": FOREIGN,
            "transfer_data": FOREIGN,
            "issuer": FOREIGN,
            "invoice_settings": FOREIGN,
            "description": FOREIGN,
            "payment_method_details": {"us_bank_account": {"account": FOREIGN}},
        }
        assert seen(body).ok


class TestSuspicion:
    @every_place
    @pytest.mark.parametrize(
        "account",
        ["", "nonsense", "acct_", "acct_a@b", "acct_Foreign 9", f"x{FOREIGN}", f"{FOREIGN}\n",
         "acct_ö", "ACCT_1", 7, True, {}, {"id": None}, {"id": "cus_1"}, ["acct_1"]],
    )  # fmt: skip
    def test_what_cannot_be_read_as_an_account_is_only_suspicious(
        self, place: str, account: Any
    ) -> None:
        verdict = seen(PLACES[place](account))
        assert verdict.foreign_account is None
        assert verdict.suspicion is not None
        assert verdict.where == place
        assert not verdict.ok

    def test_a_malformed_header_is_only_suspicious(self) -> None:
        verdict = seen({}, {"stripe-account": ""})
        assert (verdict.foreign_account, verdict.ok) == (None, False)
        assert verdict.where == "Stripe-Account header"

    @pytest.mark.parametrize("livemode", [False, None, "true", 1])
    def test_whatever_is_not_live_is_suspicious(self, livemode: Any) -> None:
        verdict = seen({"livemode": livemode})
        assert (verdict.foreign_account, verdict.where, verdict.ok) == (None, "livemode", False)
        assert verdict.suspicion is not None
        assert verdict.suspicion.startswith("the answer ")

    def test_an_object_inside_that_is_not_live_is_suspicious(self) -> None:
        charge = {"id": "ch_1", "object": "charge", "livemode": False}
        verdict = seen({"latest_charge": charge})
        assert verdict.where == "latest_charge.livemode"
        assert verdict.suspicion is not None
        assert "latest_charge" in verdict.suspicion

    def test_what_stripe_does_not_mark_as_live_is_believed(self) -> None:
        assert verify({"id": "re_1", "object": "refund"}, {}, MASTER).ok

    def test_the_first_suspicion_is_told(self) -> None:
        body = {"on_behalf_of": "one", "account": "two", "livemode": False}
        assert seen(body).where == "on_behalf_of"

    def test_a_long_value_is_not_repeated_whole(self) -> None:
        verdict = seen({"account": "x" * 1000})
        assert verdict.suspicion is not None
        assert "x" * 80 in verdict.suspicion
        assert "x" * 81 not in verdict.suspicion


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(FOREIGN),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["object", "account", "on_behalf_of", "transfer_data", "destination", "issuer", "id",
             "invoice_settings", "metadata", "livemode", "data"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=5) | st.just("account"), json_values, max_size=4))
def test_any_json_has_a_verdict_and_a_foreign_account_at_the_top_always_shows(
    body: dict[str, Any],
) -> None:
    assert isinstance(verify(body, {}, MASTER), Verdict)
    assert verify({**body, "on_behalf_of": FOREIGN}, {}, MASTER).foreign_account == FOREIGN


OURS: dict[str, Any] = {**INTENT, "metadata": {"sbr_operation": "op_1"}}


class TestStateAfter:
    foreign = Verdict(foreign_account="acct_foreign1")
    suspected = Verdict(suspicion="odd")
    create = StripeCall("create", "payment_intents.create")
    read = StripeCall("read", "payment_intents.retrieve")

    def after(self, call: StripeCall, verdict: Verdict, reply: Any = None) -> State:
        step = StepRecord(step=call.step, method=call.method, reply=reply)
        return state_after(replace(OPERATION, steps=(step,)), call, verdict)

    def test_what_this_operation_created_for_another_account_is_reversed(self) -> None:
        assert self.after(self.create, self.foreign, OURS) is State.ROLLING_BACK

    def test_nothing_else_is(self) -> None:
        assert self.after(self.create, self.suspected, OURS) is State.UNKNOWN
        assert self.after(self.create, self.foreign, {"id": "pi_1"}) is State.UNKNOWN
        foreign = {**OURS, "metadata": {"sbr_operation": "op_2"}}
        assert self.after(self.create, self.foreign, foreign) is State.UNKNOWN
        refund = {**OURS, "object": "refund"}
        assert self.after(self.create, self.foreign, refund) is State.UNKNOWN

    def test_a_read_of_what_was_created_before_reverses_nothing(self) -> None:
        step = StepRecord(step="create", method=self.create.method, reply=OURS)
        operation = replace(OPERATION, steps=(step,))
        assert state_after(operation, self.read, self.foreign) is State.UNKNOWN

    def test_what_only_read_has_failed(self) -> None:
        assert self.after(self.read, self.foreign, OURS) is State.FAILED
