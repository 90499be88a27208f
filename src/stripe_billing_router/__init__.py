"""The one way by which autonomous bots make Stripe payments.

    from stripe_billing_router import charge

    receipt = charge("finance:finance_router_bot", amount=10.0, idempotency_key="order-1001")
    assert receipt.paid

Importing it does nothing: files, network, environment and the Stripe SDK are touched on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .api import (
    charge,
    create_checkout_session,
    create_customer,
    create_subscription,
    freeze,
    get_balance,
    get_operation,
    recover,
    refund,
    register_alert_sink,
    register_override,
    register_rollback_hook,
    register_route,
    resolve_route,
    unfreeze,
)
from .core.receipt import Receipt
from .default import ROUTING_TABLE, configure, get_router, reset
from .errors import (
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
)

if TYPE_CHECKING:
    from .core.operation import Operation
    from .engine.recovery import RecoveryReport
    from .engine.rollback import RollbackReport
    from .router import BillingRouter
    from .routing.route import Route
    from .settings import Settings

__all__ = [
    "ROUTING_TABLE",
    "AccountMismatchError",
    "ActionNotAllowedError",
    "ApprovalDeniedError",
    "ApprovalRequiredError",
    "BillingError",
    "BillingRouter",
    "BotFrozenError",
    "ConfigurationError",
    "IdempotencyConflictError",
    "IdempotencyKeyError",
    "InputError",
    "InvalidAmountError",
    "InvalidBotIdError",
    "InvalidCurrencyError",
    "InvalidIdentifierError",
    "InvalidKeyError",
    "KeyAccountMismatchError",
    "LedgerUnavailableError",
    "LimitExceededError",
    "LimitsConfigError",
    "MasterAccountError",
    "MissingKeyError",
    "Operation",
    "OperationInProgressError",
    "OperationRolledBackError",
    "OutcomeUnknownError",
    "PaymentDeclinedError",
    "PolicyDeniedError",
    "RateLimitedError",
    "Receipt",
    "RecoveryReport",
    "RequestRejectedError",
    "RollbackReport",
    "Route",
    "RouteKeyOverrideError",
    "RoutingConfigError",
    "RoutingError",
    "Settings",
    "StripeCallError",
    "StripeUnavailableError",
    "UnknownOperationError",
    "UnknownOverrideError",
    "UnknownRouteError",
    "UnsupportedCategoryError",
    "UnsupportedDomainError",
    "charge",
    "configure",
    "create_checkout_session",
    "create_customer",
    "create_subscription",
    "freeze",
    "get_balance",
    "get_operation",
    "get_router",
    "recover",
    "refund",
    "register_alert_sink",
    "register_override",
    "register_rollback_hook",
    "register_route",
    "reset",
    "resolve_route",
    "unfreeze",
]

# Classes that bring pydantic or SQLAlchemy with them are loaded on first use.
_LAZY = {
    "BillingRouter": "router",
    "Operation": "core.operation",
    "RecoveryReport": "engine.recovery",
    "RollbackReport": "rollback_manager",
    "Route": "routing.route",
    "Settings": "settings",
}


# To a type checker it would make each name one of this package, also a misspelt one.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - Only needed here.

        value = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
