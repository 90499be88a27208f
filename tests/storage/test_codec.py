"""What is stored is what was given, less secrets; and what a newer version added does no harm."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router import ConfigurationError
from stripe_billing_router.core.clean_json import to_json
from stripe_billing_router.core.operation import (
    Freeze,
    Instruction,
    LedgerRow,
    Operation,
    Result,
    State,
    StepRecord,
)
from stripe_billing_router.redaction import strip_secrets
from stripe_billing_router.storage import codec
from support.records import operation, row

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
plain = st.text("abcdef 12-é", max_size=8)  # Nothing that looks like a secret.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
clean_json = st.dictionaries(plain, plain | st.integers() | st.none(), max_size=4)
numbers = st.integers(0, 2**53)
steps = st.builds(
    StepRecord,
    step=text,
    method=text,
    target=st.none() | text,
    params=st.dictionaries(text, json_values, max_size=3),
    attempt=st.integers(1, 9),
    first_sent_ms=st.none() | numbers,
    unknown_sends=st.integers(0, 9),
    reply=st.none() | clean_json,
    failure=st.none() | clean_json,
)
instructions = st.builds(
    Instruction,
    action=st.sampled_from(["charge", "refund"]),
    kind=text,
    bot_id=text,
    amount_minor=st.none() | numbers,
    metadata=st.dictionaries(text, text, max_size=3),
    params=st.dictionaries(text, json_values, max_size=3),
)
results = st.builds(
    Result,
    body=clean_json,
    paid=st.booleans(),
    amount=st.none() | plain,
    currency=st.none() | plain,
    request_id=st.none() | plain,
)
operations = st.builds(
    Operation,
    operation_id=text,
    bot_id=text,
    action=st.sampled_from(["charge", "refund"]),
    idempotency_key=text,
    account=text,
    attempt=st.integers(1, 9),
    state=st.sampled_from(State),
    fingerprint=text,
    request_fingerprint=text,
    instruction=instructions,
    created_ms=numbers,
    updated_ms=numbers,
    steps=st.lists(steps, max_size=3).map(tuple),
    result=st.none() | results,
    error_code=st.none() | plain,
    error_message=st.none() | plain,
    lease_owner=st.none() | plain,
    lease_until_ms=numbers,
    version=st.integers(0, 99),
)


@given(operations)
def test_an_operation_comes_back_from_columns_and_from_a_line(operation: Operation) -> None:
    assert codec.operation_from_columns(codec.operation_columns(operation)) == operation
    line = to_json(codec.operation_values(operation))
    assert "\n" not in line
    assert codec.operation_from_values(json.loads(line)) == operation


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9)))
def test_an_amount_comes_back_digit_for_digit(amount: Decimal) -> None:
    stored = json.loads(to_json(codec.row_values(row(amount=amount))))
    assert set(stored) == {
        "id", "action_type", "amount", "currency", "timestamp_ms", "user_email", "bot_id",
        "destination_account", "raw_event_json", "error",
    }  # fmt: skip
    assert str(codec.row_from_values(stored).amount) == format(amount, "f")


def test_a_freeze_comes_back() -> None:
    freeze = Freeze(id="frz_1", pattern="finance:*", reason="why", actor="who", created_ms=1)
    assert codec.freeze_from_values(json.loads(to_json(codec.freeze_values(freeze)))) == freeze


def test_fields_that_a_newer_version_added_are_passed_over() -> None:
    values = codec.operation_values(operation())
    values["mood"] = "new"
    values["plan"]["colour"] = "blue"
    values["steps"][0]["shape"] = "round"
    assert codec.operation_from_values(values) == operation()


def test_fields_that_an_older_version_lacked_have_their_defaults() -> None:
    values = codec.operation_values(operation())
    del values["plan"]["metadata"], values["steps"][0]["unknown_sends"], values["lease_until_ms"]
    found = codec.operation_from_values(values)
    assert (found.instruction.metadata, found.steps[0].unknown_sends, found.lease_until_ms) == (
        {},
        0,
        0,
    )


def test_a_state_of_a_newer_version_is_not_guessed_at() -> None:
    with pytest.raises(ConfigurationError, match="Update stripe_billing_router"):
        codec.operation_from_values({**codec.operation_values(operation()), "state": "dreaming"})


def test_values_that_json_does_not_know_become_text() -> None:
    odd = {"amount": Decimal("1.50"), "list": ("a", "b")}
    assert json.loads(to_json(odd)) == {"amount": "1.50", "list": ["a", "b"]}


@pytest.mark.parametrize(
    "body",
    [
        {"id": "pi_1", "client_secret": "pi_1_secret_abc"},
        {"id": "pi_1", "note": "sk_live_" + "a" * 24},
        {"id": "pi_1", "deep": [{"note": "Bearer abcdefghijkl"}]},
        {"id": "pi_1", "url": "https://user:pass@example.com/"},
        {"id": "pi_1", "note": "line\nbearer\nabcdefghijkl"},
    ],
)
def test_secrets_of_replies_are_not_stored(body: dict[str, object]) -> None:
    step = StepRecord(step="create", method="post", reply=body, failure=body)
    result = Result(body=body, paid=True, amount="1", currency="usd")
    stored = codec.operation_from_columns(
        codec.operation_columns(operation(steps=(step,), result=result))
    )
    assert stored.result is not None
    assert stored.result.body == stored.steps[0].reply == stored.steps[0].failure
    assert stored.result.body == strip_secrets(body) != body
    assert json.loads(codec.safe_raw_json(json.dumps(body))) == strip_secrets(body)


@pytest.mark.parametrize("text", ["", "no JSON", "[1]", '"text"', '{"a": NaN}', '{"a": Infinity}'])
def test_what_is_no_json_object_is_kept_as_text(text: str) -> None:
    assert json.loads(codec.safe_raw_json(text)) == {"unparsed": text}


def test_what_no_database_can_store_is_replaced() -> None:
    stored = codec.row_columns(
        row(raw_event_json=json.dumps({"id": "pi_1", "note": "a\0b\ud800c"}), user_email="x\0y")
    )
    assert "\\u0000" not in stored["raw_event_json"]
    assert "\\ud800" not in stored["raw_event_json"]
    assert "\0" not in stored["user_email"]


def test_the_ledger_has_exactly_its_ten_columns() -> None:
    assert LedgerRow.__dataclass_fields__.keys() == set(codec.LEDGER_COLUMNS)
    assert len(codec.LEDGER_COLUMNS) == 10
