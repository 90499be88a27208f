"""The names that users import: written out, loaded when needed, documented, and no others."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

import stripe_billing_router
from stripe_billing_router import errors
from support.pages import PAGES, ROOT, blocks, prose

PUBLIC = [
    "AccountMismatchError", "ActionNotAllowedError", "ApprovalDeniedError",
    "ApprovalRequiredError", "BillingError", "BillingRouter", "BotFrozenError",
    "ConfigurationError", "IdempotencyConflictError", "IdempotencyKeyError", "InputError",
    "InvalidAmountError", "InvalidBotIdError", "InvalidCurrencyError", "InvalidIdentifierError",
    "InvalidKeyError", "KeyAccountMismatchError", "LedgerUnavailableError", "LimitExceededError",
    "LimitsConfigError", "MasterAccountError", "MissingKeyError", "Operation",
    "OperationInProgressError", "OperationRolledBackError", "OutcomeUnknownError",
    "PaymentDeclinedError", "PolicyDeniedError", "ROUTING_TABLE", "RateLimitedError", "Receipt",
    "RecoveryReport", "RequestRejectedError", "RollbackReport", "Route", "RouteKeyOverrideError",
    "RoutingConfigError", "RoutingError", "Settings", "StripeCallError", "StripeUnavailableError",
    "UnknownOperationError", "UnknownOverrideError", "UnknownRouteError",
    "UnsupportedCategoryError", "UnsupportedDomainError", "charge", "configure",
    "create_checkout_session", "create_customer", "create_subscription", "freeze", "get_balance",
    "get_operation", "get_router", "recover", "refund", "register_alert_sink",
    "register_override", "register_rollback_hook", "register_route", "reset", "resolve_route",
    "unfreeze",
]  # fmt: skip

# Programs are given these and need not name them; the pages describe what they hold.
GIVEN = {"Operation", "Receipt", "RecoveryReport", "RollbackReport", "Settings"}


def test_the_public_names_are_these() -> None:
    assert sorted(stripe_billing_router.__all__) == sorted(PUBLIC)


def test_nothing_else_that_looks_public_is_in_the_package() -> None:
    looks_public = {
        name
        for name in dir(stripe_billing_router)
        if not name.startswith("_")
        and name not in {"annotations", "TYPE_CHECKING", "Any"}
        and not inspect.ismodule(getattr(stripe_billing_router, name))
    }
    assert looks_public == set(PUBLIC)


def test_every_error_is_public() -> None:
    raised = {name for name, _ in inspect.getmembers(errors, is_error)}
    assert {name for name in PUBLIC if name.endswith("Error")} == raised


def is_error(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, errors.BillingError)


@pytest.mark.parametrize("statement", ["from stripe_billing_router import *", "{imports}"])
def test_every_name_can_be_imported_in_a_fresh_process(statement: str) -> None:
    imports = f"from stripe_billing_router import {', '.join(PUBLIC)}"
    program = f"{statement.format(imports=imports)}\nprint(*globals())"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert set(PUBLIC) <= set(result.stdout.decode().split())


def test_what_only_type_checkers_need_is_never_loaded() -> None:
    program = "import stripe_billing_router.router, sys\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = result.stdout.decode().split()
    assert "stripe_billing_router.core.types" in loaded
    assert "stripe_billing_router.core.fields" not in loaded


def test_what_is_loaded_when_needed_is_what_type_checkers_see() -> None:
    tree = ast.parse((ROOT / "src" / "stripe_billing_router" / "__init__.py").read_text())
    for_checkers = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert set(stripe_billing_router._LAZY) == for_checkers


def test_another_name_is_an_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="'stripe_billing_router' has no attribute 'chrage'"):
        _ = stripe_billing_router.chrage  # type: ignore[attr-defined]


def imported_on_pages() -> Iterator[str]:
    for page in PAGES:
        for block in blocks(page):
            if block.language != "python":
                continue
            for node in ast.walk(ast.parse(block.code)):
                if isinstance(node, ast.ImportFrom) and node.module == "stripe_billing_router":
                    yield from (alias.name for alias in node.names)


def test_the_pages_import_public_names_only() -> None:
    assert set(imported_on_pages()) <= set(PUBLIC)


def test_the_pages_name_every_public_name() -> None:
    code = [block.code for page in PAGES for block in blocks(page)]
    code += [span for page in PAGES for span in re.findall(r"`([^`]+)`", prose(page))]
    named = set(re.findall(r"\w+", " ".join(code)))
    assert set(PUBLIC) - named <= GIVEN


def test_a_type_checker_is_shown_every_public_name() -> None:
    files = sorted((ROOT / "typing_tests").glob("*.py"))
    named = {
        alias.name
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "stripe_billing_router"
        for alias in node.names
    }
    assert named == set(PUBLIC)
