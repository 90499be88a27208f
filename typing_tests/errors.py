"""What the helpers raise, as a bot author's type checker sees it. Checked, never run."""

from typing import Any, Literal, assert_type

from stripe_billing_router import (
    AccountMismatchError,
    ActionNotAllowedError,
    ApprovalDeniedError,
    ApprovalRequiredError,
    BillingError,
    BotFrozenError,
    ConfigurationError,
    IdempotencyConflictError,
    IdempotencyKeyError,
    InputError,
    InvalidAmountError,
    InvalidBotIdError,
    InvalidCurrencyError,
    InvalidIdentifierError,
    InvalidKeyError,
    KeyAccountMismatchError,
    LedgerUnavailableError,
    LimitExceededError,
    LimitsConfigError,
    MasterAccountError,
    MissingKeyError,
    OperationInProgressError,
    OperationRolledBackError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    PolicyDeniedError,
    RateLimitedError,
    RequestRejectedError,
    RouteKeyOverrideError,
    RoutingConfigError,
    RoutingError,
    StripeCallError,
    StripeUnavailableError,
    UnknownOperationError,
    UnknownOverrideError,
    UnknownRouteError,
    UnsupportedCategoryError,
    UnsupportedDomainError,
    charge,
)

CONFIGURATION: tuple[type[ConfigurationError], ...] = (
    InvalidKeyError,
    LimitsConfigError,
    MasterAccountError,
    MissingKeyError,
    RoutingConfigError,
)
ROUTING: tuple[type[RoutingError], ...] = (
    InvalidBotIdError,
    RouteKeyOverrideError,
    UnknownOverrideError,
    UnknownRouteError,
    UnsupportedCategoryError,
    UnsupportedDomainError,
)
INPUT: tuple[type[InputError], ...] = (
    InvalidAmountError,
    InvalidCurrencyError,
    InvalidIdentifierError,
)
POLICY: tuple[type[PolicyDeniedError], ...] = (
    ActionNotAllowedError,
    ApprovalDeniedError,
    ApprovalRequiredError,
    BotFrozenError,
    LimitExceededError,
)
KEY: tuple[type[IdempotencyKeyError], ...] = (
    IdempotencyConflictError,
    OperationInProgressError,
    OperationRolledBackError,
)
STRIPE: tuple[type[StripeCallError], ...] = (
    OutcomeUnknownError,
    PaymentDeclinedError,
    RateLimitedError,
    RequestRejectedError,
    StripeUnavailableError,
)
ACCOUNT: tuple[type[AccountMismatchError], ...] = (KeyAccountMismatchError,)
OF_VALUES: tuple[type[ValueError], ...] = (InputError, RoutingError, UnknownOperationError)
ALL: tuple[type[BillingError], ...] = (
    *CONFIGURATION,
    *ROUTING,
    *INPUT,
    *POLICY,
    *KEY,
    *STRIPE,
    *ACCOUNT,
    LedgerUnavailableError,
    UnknownOperationError,
)
OTHERS: tuple[type[InputError], ...] = (RoutingError,)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


def any_error(error: BillingError) -> None:
    as_runtime_error: RuntimeError = error
    assert_type(error.code, str)
    assert_type(error.message, str)
    assert_type(error.retryable, bool)
    assert_type(error.money_moved, Literal["no", "yes", "unknown"])
    assert_type(error.operation_id, str | None)
    assert_type(error.idempotency_key, str | None)
    assert_type(error.details, dict[str, Any])
    assert_type(as_runtime_error.args, tuple[Any, ...])


def an_error_of_a_call(error: StripeCallError) -> None:
    assert_type(error.stripe_code, str | None)
    assert_type(error.decline_code, str | None)
    assert_type(error.request_id, str | None)
    assert_type(error.http_status, int | None)


def what_is_caught() -> None:
    try:
        charge("finance:finance_router_bot", 10)
    except PaymentDeclinedError as error:
        assert_type(error.decline_code, str | None)
    except (InputError, RoutingError) as error:
        assert_type(error, InputError | RoutingError)
    except BillingError as error:
        error.money_moved = "maybe"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
        _ = error.decline_code  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
