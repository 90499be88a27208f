"""The faces of the package take and return the same: the helpers, and the router's methods."""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest

from stripe_billing_router import BillingRouter, Settings, api, configure
from stripe_billing_router.core import fields
from stripe_billing_router.core.operation import Operation
from stripe_billing_router.engine.recovery import Progress, RecoveryReport
from stripe_billing_router.engine.rollback import RollbackHook
from stripe_billing_router.routing.route import Route

# What has the helpers of `api` under the same names, with the same parameters and types.
FACES = [BillingRouter]

HELPERS = [
    name
    for name, value in inspect.getmembers(api, inspect.isfunction)
    if value.__module__ == api.__name__
]
# What a router has besides: they are about the router itself, or for the command line.
ROUTER_ONLY = {"close", "log", "public_key", "resolve"}

# What the faces import for type checkers only.
LATER = {
    **vars(fields),
    "BillingRouter": BillingRouter,
    "Operation": Operation,
    "Progress": Progress,
    "RecoveryReport": RecoveryReport,
    "RollbackHook": RollbackHook,
    "Route": Route,
}

Parameter = tuple[str, Any, Any, Any]


def signature_of(function: Callable[..., Any]) -> tuple[list[Parameter], Any]:
    """Return each parameter's name, kind, default and type, and the type that is returned."""
    hints = get_type_hints(function, localns=LATER)
    parameters = [
        (parameter.name, parameter.kind, parameter.default, hints[parameter.name])
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "self"
    ]
    return parameters, hints["return"]


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_is_the_same_on_every_face(face: object, name: str) -> None:
    assert signature_of(getattr(face, name)) == signature_of(getattr(api, name))


def test_a_router_has_nothing_else_that_a_bot_could_call() -> None:
    public = {name for name in vars(BillingRouter) if not name.startswith("_")}
    assert public == set(HELPERS) | ROUTER_ONLY


@pytest.mark.parametrize("name", HELPERS)
def test_no_helper_takes_just_anything(name: str) -> None:
    parameters, returned = signature_of(getattr(api, name))
    assert Any not in [*(hint for *_, hint in parameters), returned]


@pytest.mark.parametrize("name", ["charge", "get_balance"])
def test_programs_that_make_tools_of_functions_can_read_the_types(name: str) -> None:
    assert get_type_hints(getattr(api, name))["bot_id"] is str


def test_settings_are_taken_in_the_same_way_everywhere() -> None:
    takers: list[Callable[..., Any]] = [
        configure, BillingRouter.__init__, Settings.__init__, Settings.load,
    ]  # fmt: skip
    taken = [
        get_type_hints(taker, localns=LATER)[parameter.name]
        for taker in takers
        for parameter in inspect.signature(taker).parameters.values()
        if parameter.kind is inspect.Parameter.VAR_KEYWORD
    ]
    assert len(taken) == len(takers)
    assert len(set(taken)) == 1
