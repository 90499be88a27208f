"""Parameters as Stripe checks them: names, types, and which are required.

A checker gets the decoded form value and its name, and returns the value as JSON data, or raises
Stripe's refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .failures import StripeFailure, invalid, not_modelled

Check = Callable[[Any, str], Any]


def words(text: str) -> frozenset[str]:
    """Return the names in one string, for readable tables."""
    return frozenset(text.split())


MAX_AMOUNT = 99_999_999
_CURRENCIES = words(
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp "
    "byn bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel "
    "gip gmd gnf gtq gyd hkd hnl hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw "
    "kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mru mur mvr mwk mxn myr mzn "
    "nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr "
    "sek sgd shp sle sll sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs "
    "vnd vuv wst xaf xcd xof xpf yer zar zmw"
)


@dataclass(frozen=True)
class Params:
    """The parameters of one endpoint.

    Args:
        checks: the parameters that have an effect here, each with its checker.
        required: those that a request must have.
        ignored: Stripe's parameters that do not affect a payment test.
        refused: Stripe's parameters that would change money or flow, and are not modelled.
    """

    checks: Mapping[str, Check] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    ignored: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()

    def names(self) -> frozenset[str]:
        """Return every parameter that Stripe knows here."""
        return frozenset(self.checks) | self.ignored | self.refused

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the checked parameters, without the ignored ones."""
        checks = self.checks
        checked: dict[str, Any] = {}
        for name, value in given.items():
            checker = checks.get(name)
            if checker is not None:
                checked[name] = checker(value, name)
            elif name in self.refused:
                raise not_modelled(name)
            elif name not in self.ignored:
                raise unknown_parameter(name)
        for name in self.required:
            if name not in checked:
                raise missing_parameter(name)
        return checked


def unknown_parameter(name: str) -> StripeFailure:
    """Return Stripe's refusal of a parameter that it does not know."""
    return invalid(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def missing_parameter(name: str) -> StripeFailure:
    """Return Stripe's refusal of a request without a required parameter."""
    return invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)


def _not_empty(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {value}", param=name)
    if not value:
        raise invalid(
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to "
            f"unset a parameter; however '{name}' cannot be unset. You should remove '{name}' "
            "from your request or supply a non-empty value.",
            code="parameter_invalid_empty",
            param=name,
        )
    return value


def identifier(value: Any, name: str) -> str:
    """Check the id of another object; the endpoint checks whether it exists."""
    return _not_empty(value, name)


def text(value: Any, name: str) -> str | None:
    """Check free text; empty text unsets it."""
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {value}", param=name)
    return value or None


def integer(value: Any, name: str) -> int:
    """Check an integer."""
    digits = _not_empty(value, name)
    if not digits.removeprefix("-").isascii() or not digits.removeprefix("-").isdigit():
        raise invalid(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    return int(digits)


def at_least(lowest: int, highest: int | None = None) -> Check:
    """Check an integer between two bounds, inclusive."""

    def check(value: Any, name: str) -> int:
        number = integer(value, name)
        if number < lowest:
            raise invalid(
                f"This value must be greater than or equal to {lowest}.",
                code="parameter_invalid_integer",
                param=name,
            )
        if highest is not None and number > highest:
            raise invalid(
                f"This value must be less than or equal to {highest}.",
                code="parameter_invalid_integer",
                param=name,
            )
        return number

    return check


_positive = at_least(1)


def amount(value: Any, name: str) -> int:
    """Check an amount to charge, in minor units."""
    number: int = _positive(value, name)
    if number > MAX_AMOUNT:
        raise invalid("Amount must be no more than 999,999.99", code="amount_too_large", param=name)
    return number


def boolean(value: Any, name: str) -> bool:
    """Check `true` or `false`."""
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", param=name)
    return bool(value == "true")


def currency(value: Any, name: str) -> str:
    """Check a currency that Stripe takes; any case is accepted, and returned in lower case."""
    code = _not_empty(value, name).lower()
    if code not in _CURRENCIES:
        raise invalid(
            f"Invalid currency: {value}. Stripe currently supports these currencies: "
            f"{', '.join(sorted(_CURRENCIES))}",
            param=name,
        )
    return code


def one_of(*allowed: str) -> Check:
    """Check a value of a fixed list."""

    def check(value: Any, name: str) -> str:
        if value not in allowed:
            raise invalid(f"Invalid {name}: must be one of {', '.join(allowed)}", param=name)
        return str(value)

    return check


def metadata(value: Any, name: str) -> dict[str, str]:
    """Check metadata: at most 50 keys of 40 characters, values of 500. Stripe: "Metadata"."""
    if value == "":
        return {}
    if not isinstance(value, dict):
        raise invalid("Invalid hash", param=name)
    if len(value) > 50:
        raise invalid("Metadata can have at most 50 keys.", param=name)
    for key, item in value.items():
        if not isinstance(item, str):
            raise invalid(f"Metadata values must be strings, got {item}", param=f"{name}[{key}]")
        if len(key) > 40 or len(item) > 500:
            raise invalid(
                "Metadata keys can have up to 40 characters and values up to 500.",
                param=f"{name}[{key}]",
            )
    return value


def anything(value: Any, name: str) -> Any:  # noqa: ARG001 - a checker gets both
    """Accept any value unchanged."""
    return value


def switched_off(value: Any, name: str) -> dict[str, Any]:
    """Check a hash that may only be `enabled=false`: the sandbox models no more of it."""
    if not isinstance(value, dict) or value.get("enabled") != "false":
        raise not_modelled(name)
    return {"enabled": False}


def texts(value: Any, name: str) -> list[str]:
    """Check a list of text."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid("Invalid array", param=name)
    return value


def nested(known: Params) -> Check:
    """Check a hash of parameters."""

    def check(value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid("Invalid hash", param=name)
        return _renamed(known, value, name)

    return check


def each(known: Params) -> Check:
    """Check a list of hashes."""

    def check(value: Any, name: str) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise invalid("Invalid array", param=name)
        return [_renamed(known, item, f"{name}[{index}]") for index, item in enumerate(value)]

    return check


def _renamed(known: Params, value: dict[str, Any], name: str) -> dict[str, Any]:
    """Check inner parameters; a refusal names the whole path, as in `items[0][price]`."""
    try:
        return known.check(value)
    except StripeFailure as failure:
        if "param" in failure.error:
            head, bracket, tail = failure.error["param"].partition("[")
            failure.error["param"] = f"{name}[{head}]{bracket}{tail}"
        raise


def moment(value: Any, name: str) -> dict[str, int]:
    """Check a time filter: `created=1` or `created[gte]=1`, in seconds since the epoch."""
    if not isinstance(value, dict):
        return {"eq": integer(value, name)}
    return {
        one_of("gt", "gte", "lt", "lte")(key, name): integer(item, f"{name}[{key}]")
        for key, item in value.items()
    }
