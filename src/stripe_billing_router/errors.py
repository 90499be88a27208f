"""Every error the package raises.

BillingError (RuntimeError)
├── ConfigurationError
│   ├── MissingKeyError, InvalidKeyError
│   ├── MasterAccountError
│   │   └── KeyAccountMismatchError (also an AccountMismatchError)
│   └── RoutingConfigError, LimitsConfigError
├── RoutingError (ValueError)
│   ├── InvalidBotIdError, UnsupportedDomainError, UnsupportedCategoryError
│   └── UnknownRouteError, UnknownOverrideError, RouteKeyOverrideError
├── InputError (ValueError)
│   └── InvalidAmountError, InvalidCurrencyError, InvalidIdentifierError
├── PolicyDeniedError
│   ├── LimitExceededError, ActionNotAllowedError, BotFrozenError
│   └── ApprovalRequiredError, ApprovalDeniedError
├── IdempotencyKeyError
│   └── IdempotencyConflictError, OperationInProgressError, OperationRolledBackError
├── StripeCallError
│   ├── PaymentDeclinedError, RequestRejectedError, RateLimitedError
│   └── StripeUnavailableError, OutcomeUnknownError
├── AccountMismatchError
├── LedgerUnavailableError
└── UnknownOperationError (ValueError)

Each says what was wrong (`problem`), what to do next (`remedy`) and what is known about the money
(`money_moved`). Secrets are masked in all of them, whatever a caller passed in.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from .redaction import redact

MoneyMoved = Literal["no", "yes", "unknown"]


class BillingError(RuntimeError):
    """Base of all errors of this package.

    `problem` says what was wrong, in one sentence without its full stop; `remedy` what to do next,
    in whole sentences, and is empty where nothing can be done. `code` is a stable name for
    programs, `retryable` says whether the same call may succeed later, `money_moved` is what is
    known: `"no"`, `"yes"` or `"unknown"`. `operation_id` and `idempotency_key` are set once the
    operation has them; passing that key back continues it.
    """

    code: ClassVar[str] = "billing_error"
    retryable: bool = False

    def __init__(
        self,
        problem: str,
        remedy: str = "",
        *,
        money_moved: MoneyMoved = "no",
        operation_id: str | None = None,
        idempotency_key: str | None = None,
        retryable: bool | None = None,
        **details: Any,
    ) -> None:
        problem, remedy = redact(problem), redact(remedy)
        self.problem = problem.removesuffix(".")
        self.remedy = remedy
        super().__init__(f"{self.problem}. {remedy}" if remedy else problem)
        self.money_moved: MoneyMoved = money_moved
        self.operation_id = operation_id
        self.idempotency_key = idempotency_key
        if retryable is not None:
            self.retryable = retryable
        self.details: dict[str, Any] = {name: _masked(value) for name, value in details.items()}

    @property
    def message(self) -> str:
        """The problem and the remedy, without the facts that `str()` appends."""
        return str(self.args[0])

    def __str__(self) -> str:
        facts = [f"money moved: {self.money_moved}"]
        if self.operation_id:
            facts.append(f"operation {self.operation_id}")
        if self.idempotency_key:
            facts.append(f"idempotency key {redact(self.idempotency_key)!r}")
        return f"{self.message} ({'; '.join(facts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive the default pickling of exceptions.
        return (_rebuild, (type(self), self.message, dict(self.__dict__)))


def _masked(value: Any) -> Any:
    """Mask secrets in a detail, in whatever it holds."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list | tuple):
        return type(value)(_masked(item) for item in value)
    if isinstance(value, dict):
        return {_masked(name): _masked(item) for name, item in value.items()}
    return value


def _rebuild(kind: type[BillingError], message: str, state: dict[str, Any]) -> BillingError:
    # Where an older version pickled the error, its state has no problem: the message is that.
    error = kind(message)
    error.__dict__.update(state)
    return error


class ConfigurationError(BillingError):
    """The router is not set up so that it may take money."""

    code = "configuration"


class MissingKeyError(ConfigurationError):
    """No source holds the Stripe keys, or one holds only half of them."""

    code = "missing_key"


class InvalidKeyError(ConfigurationError):
    """A key is empty, malformed, in test mode, of the wrong kind, or refused by Stripe."""

    code = "invalid_key"


class MasterAccountError(ConfigurationError):
    """The master account is not named, is named twice differently, or cannot be verified."""

    code = "master_account"


class RoutingConfigError(ConfigurationError):
    """The routing file is missing, malformed or holds an unknown or unusable value."""

    code = "routing_config"


class LimitsConfigError(ConfigurationError):
    """The limits file is malformed."""

    code = "limits_config"


class RoutingError(BillingError, ValueError):
    """A bot id or override does not lead to exactly one route."""

    code = "routing"


class InvalidBotIdError(RoutingError):
    """The bot id is not `category:bot` or `domain:category:bot`."""

    code = "invalid_bot_id"


class UnsupportedDomainError(RoutingError):
    """No route exists in this domain."""

    code = "unsupported_domain"


class UnsupportedCategoryError(RoutingError):
    """The domain has no such business category."""

    code = "unsupported_category"


class UnknownRouteError(RoutingError):
    """The category has no rule for this bot in this region."""

    code = "unknown_route"


class UnknownOverrideError(RoutingError):
    """An override's key or value matches nothing that was registered."""

    code = "unknown_override"


class RouteKeyOverrideError(RoutingError):
    """A route, override or call tried to bring its own Stripe key."""

    code = "route_key_override"


class InputError(BillingError, ValueError):
    """An argument cannot be used; nothing was sent."""

    code = "input"


class InvalidAmountError(InputError):
    """The amount is not a positive, exact amount of its currency within Stripe's bounds."""

    code = "invalid_amount"


class InvalidCurrencyError(InputError):
    """The currency is missing, unknown or does not fit the operation."""

    code = "invalid_currency"


class InvalidIdentifierError(InputError):
    """An id has the wrong kind or form."""

    code = "invalid_identifier"


class PolicyDeniedError(BillingError):
    """The operator's rules do not allow this operation."""

    code = "policy_denied"


class LimitExceededError(PolicyDeniedError):
    """The operation would take more than is permitted."""

    code = "limit_exceeded"


class ActionNotAllowedError(PolicyDeniedError):
    """The bot may not do this kind of operation."""

    code = "action_not_allowed"


class BotFrozenError(PolicyDeniedError):
    """The bot is frozen until an operator lifts it."""

    code = "bot_frozen"


class ApprovalRequiredError(PolicyDeniedError):
    """The operation waits for a person's approval."""

    code = "approval_required"


class ApprovalDeniedError(PolicyDeniedError):
    """A person denied the operation, or did not answer in time."""

    code = "approval_denied"


class IdempotencyKeyError(BillingError):
    """The business key is already in use."""

    code = "idempotency_key"


class IdempotencyConflictError(IdempotencyKeyError):
    """The business key was used before for something else."""

    code = "idempotency_conflict"


class OperationInProgressError(IdempotencyKeyError):
    """Another call of this operation is in progress, or one like it has an unknown outcome."""

    code = "operation_in_progress"
    retryable = True


class OperationRolledBackError(IdempotencyKeyError):
    """The operation was reversed; its key pays nothing any more."""

    code = "operation_rolled_back"


class StripeCallError(BillingError):
    """Stripe, or the way to it, did not give the wanted answer.

    `stripe_code`, `decline_code`, `request_id` and `http_status` are set where Stripe named them.
    """

    code = "stripe_call"

    @property
    def stripe_code(self) -> str | None:
        """Stripe's error code, for example `card_declined`."""
        return self.details.get("stripe_code")

    @property
    def decline_code(self) -> str | None:
        """The issuer's decline code, for example `insufficient_funds`."""
        return self.details.get("decline_code")

    @property
    def request_id(self) -> str | None:
        """Stripe's request id (`req_…`), for their support."""
        return self.details.get("request_id")

    @property
    def http_status(self) -> int | None:
        """The HTTP status, if there was an answer."""
        return self.details.get("http_status")


class PaymentDeclinedError(StripeCallError):
    """The payment method was declined; nothing was taken and nothing is left payable."""

    code = "payment_declined"


class RequestRejectedError(StripeCallError):
    """Stripe refused the request's content; nothing was done."""

    code = "request_rejected"


class RateLimitedError(StripeCallError):
    """Stripe is limiting requests; nothing was done."""

    code = "rate_limited"
    retryable = True


class StripeUnavailableError(StripeCallError):
    """Stripe could not be reached; nothing was done."""

    code = "stripe_unavailable"
    retryable = True


class OutcomeUnknownError(StripeCallError):
    """Whether the operation took effect is not known yet; it is kept until it is."""

    code = "outcome_unknown"
    retryable = True


class AccountMismatchError(BillingError):
    """A response named an account other than the master account."""

    code = "account_mismatch"


class KeyAccountMismatchError(MasterAccountError, AccountMismatchError):
    """The key belongs to another account; it was refused before its first use."""

    code = "key_account_mismatch"


class LedgerUnavailableError(BillingError):
    """Neither the database nor the files beside it can be written; nothing was sent."""

    code = "ledger_unavailable"
    retryable = True


class UnknownOperationError(BillingError, ValueError):
    """No operation has this id."""

    code = "unknown_operation"
