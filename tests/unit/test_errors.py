"""Errors: one tree, plain to programs and people, and safe to show, pickle and copy."""

import copy
import pickle
import traceback
from pathlib import Path

import pytest

from stripe_billing_router import errors
from stripe_billing_router.errors import (
    AccountMismatchError,
    BillingError,
    ConfigurationError,
    InputError,
    KeyAccountMismatchError,
    MasterAccountError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    RoutingError,
    StripeCallError,
)

# The names of the contract and their families, written out once more.
FAMILIES = {
    "ConfigurationError": [
        "MissingKeyError", "InvalidKeyError", "MasterAccountError", "RoutingConfigError",
        "LimitsConfigError",
    ],
    "RoutingError": [
        "InvalidBotIdError", "UnsupportedDomainError", "UnsupportedCategoryError",
        "UnknownRouteError", "UnknownOverrideError", "RouteKeyOverrideError",
    ],
    "InputError": ["InvalidAmountError", "InvalidCurrencyError", "InvalidIdentifierError"],
    "PolicyDeniedError": [
        "LimitExceededError", "ActionNotAllowedError", "BotFrozenError", "ApprovalRequiredError",
        "ApprovalDeniedError",
    ],
    "IdempotencyKeyError": [
        "IdempotencyConflictError", "OperationInProgressError", "OperationRolledBackError",
    ],
    "StripeCallError": [
        "PaymentDeclinedError", "RequestRejectedError", "RateLimitedError",
        "StripeUnavailableError", "OutcomeUnknownError",
    ],
    "BillingError": ["AccountMismatchError", "LedgerUnavailableError"],
}  # fmt: skip

EVERY_ERROR = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, BillingError)
]


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_each_error_of_the_contract_stands_in_its_family(family: str) -> None:
    parent = vars(errors)[family]
    assert issubclass(parent, BillingError)
    for name in FAMILIES[family]:
        assert issubclass(vars(errors)[name], parent)


@pytest.mark.parametrize("kind", EVERY_ERROR)
def test_every_error_is_a_runtime_error_with_a_code_of_its_own(kind: type[BillingError]) -> None:
    assert issubclass(kind, RuntimeError)
    assert [other.__name__ for other in EVERY_ERROR if other.code == kind.code] == [kind.__name__]
    assert kind.__doc__


@pytest.mark.parametrize("kind", EVERY_ERROR)
def test_bad_input_is_also_a_value_error(kind: type[BillingError]) -> None:
    if issubclass(kind, InputError | RoutingError):
        assert issubclass(kind, ValueError)
    if issubclass(kind, ConfigurationError | StripeCallError):
        assert not issubclass(kind, ValueError)


@pytest.mark.parametrize("kind", EVERY_ERROR)
def test_every_error_survives_pickle_and_copy(kind: type[BillingError]) -> None:
    error = kind(
        "What happened",
        "Do this.",
        money_moved="unknown",
        operation_id="op_1",
        idempotency_key="order-1",
        retryable=True,
        request_id="req_1",
    )
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301
        assert type(again) is kind
        assert str(again) == str(error)
        assert vars(again) == vars(error)
        assert again.details == {"request_id": "req_1"}


def test_an_error_says_what_happened_to_the_money_and_how_to_go_on() -> None:
    error = BillingError("It broke.", operation_id="op_1", idempotency_key="order-1")
    for part in ("It broke.", "money moved: no", "op_1", "'order-1'"):
        assert part in str(error)
    assert not error.retryable


@pytest.mark.parametrize("problem", ["It broke", "It broke."])
def test_an_error_carries_its_remedy_apart_from_its_problem(problem: str) -> None:
    error = BillingError(problem, "Fix it. Then call again.")
    assert (error.problem, error.remedy) == ("It broke", "Fix it. Then call again.")
    assert error.message == "It broke. Fix it. Then call again."
    assert str(error).startswith(error.message)


def test_an_error_of_one_bare_message_has_it_as_its_problem() -> None:
    error = BillingError("It broke")
    assert (error.problem, error.remedy, error.message) == ("It broke", "", "It broke")
    assert BillingError("It broke.").message == "It broke."


def test_an_error_that_an_older_version_pickled_can_still_be_read() -> None:
    """It was made by a version whose errors had a message only, and is never made again."""
    file = Path(__file__).parent.parent / "upgrade" / "data" / "error.pickle"
    error = pickle.loads(file.read_bytes())  # noqa: S301 - Ours.
    assert type(error) is OutcomeUnknownError
    assert (error.problem, error.remedy, error.message) == ("x", "", "x")
    assert (error.money_moved, error.operation_id) == ("unknown", "op_1")
    assert (error.idempotency_key, error.http_status) == ("order-1", 500)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - As above.


def test_what_stripe_said_can_be_asked_for() -> None:
    error = PaymentDeclinedError(
        "No.", stripe_code="card_declined", decline_code="x", request_id="req_1", http_status=402
    )
    assert (error.stripe_code, error.decline_code) == ("card_declined", "x")
    assert (error.request_id, error.http_status) == ("req_1", 402)
    assert PaymentDeclinedError("No.").stripe_code is None


def test_a_key_of_another_account_is_caught_by_either_family() -> None:
    assert issubclass(KeyAccountMismatchError, MasterAccountError)
    assert issubclass(KeyAccountMismatchError, AccountMismatchError)


def test_a_secret_that_a_caller_passed_in_is_masked() -> None:
    planted = "sk_live_fakePlantedInError"
    error = BillingError(
        f"The key {planted} is bad",
        f"Replace {planted}.",
        idempotency_key=f"order-{planted}",
        detail=f"x {planted}",
    )
    told = traceback.format_exception(error)
    parts = [error.problem, error.remedy, str(vars(error)["details"])]
    shown = [str(error), repr(error), *parts, *told, repr(pickle.dumps(error).split())]
    # The business key itself is kept as it is: passing it back must continue the operation.
    assert error.idempotency_key == f"order-{planted}"
    assert [text for text in shown[:-1] if "fakePlanted" in text] == []
