"""What type checkers know of settings, routes and Stripe's parameters is what the code takes."""

from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import BaseModel

from stripe_billing_router import Route, Settings
from stripe_billing_router.core import fields
from stripe_billing_router.domain.requests import ALLOWED
from stripe_billing_router.routing.route import OverrideRule, RoutePatch

PARAMETERS: dict[str, Any] = {
    "create_customer": fields.CustomerInfo,
    "create_subscription": fields.SubscriptionParams,
    "refund": fields.RefundParams,
    "create_checkout_session": fields.CheckoutParams,
}
FIELDS: list[tuple[Any, type[BaseModel]]] = [
    (fields.SettingsOptions, Settings),
    (fields.RouteFields, Route),
    (fields.RouteChanges, RoutePatch),
    (fields.OverrideFields, OverrideRule),
]


def test_each_helper_with_parameters_of_stripe_has_its_type() -> None:
    assert PARAMETERS.keys() == ALLOWED.keys()


@pytest.mark.parametrize("helper", sorted(ALLOWED))
def test_the_parameters_are_those_that_a_helper_lets_through(helper: str) -> None:
    assert PARAMETERS[helper].__annotations__.keys() == ALLOWED[helper]
    assert PARAMETERS[helper].__required_keys__ == frozenset()


@pytest.mark.parametrize(("options", "model"), FIELDS, ids=lambda kind: kind.__name__)
def test_the_fields_are_those_of_the_model(options: Any, model: type[BaseModel]) -> None:
    assert options.__annotations__.keys() == model.model_fields.keys()


@pytest.mark.parametrize(("options", "model"), FIELDS, ids=lambda kind: kind.__name__)
def test_what_must_be_given_is_what_the_model_requires(
    options: Any, model: type[BaseModel]
) -> None:
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    assert options.__required_keys__ == required


@pytest.mark.parametrize(("options", "model"), FIELDS[:2], ids=lambda kind: kind.__name__)
def test_none_is_taken_where_the_model_takes_it(options: Any, model: type[BaseModel]) -> None:
    def takes_none(kind: Any) -> set[str]:
        hints = get_type_hints(kind)
        return {name for name in model.model_fields if NoneType in get_args(hints[name])}

    assert takes_none(options) == takes_none(model)
