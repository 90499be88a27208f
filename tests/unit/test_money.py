"""Amounts reach Stripe exactly, in its own minor units, or not at all.

Expected values are Stripe's raw integers, written out: a test that divides by the constant that the
code multiplies with would pass with any constant.
"""

from decimal import ROUND_UP, Decimal, Inexact, localcontext
from enum import IntEnum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.core.money import (
    CURRENCIES,
    MAX_AMOUNT_MINOR,
    decimal_amount,
    normalize_currency,
    to_major,
    to_minor,
)
from stripe_billing_router.errors import BillingError, InvalidAmountError, InvalidCurrencyError
from support.names import case

# What Stripe reads as one major unit, where it is not 100.
ONE_UNIT = {
    "bif": 1, "clp": 1, "djf": 1, "gnf": 1, "jpy": 1, "kmf": 1, "krw": 1, "mga": 1, "pyg": 1,
    "rwf": 1, "vnd": 1, "vuv": 1, "xaf": 1, "xof": 1, "xpf": 1,
    "bhd": 1000, "jod": 1000, "kwd": 1000, "omr": 1000, "tnd": 1000,
}  # fmt: skip
# The smallest step between two amounts that Stripe takes, in minor units, where it is not 1.
STEP = {"isk": 100, "ugx": 100, "bhd": 10, "jod": 10, "kwd": 10, "omr": 10, "tnd": 10}


class Cents(IntEnum):
    TEN = 10


currencies = st.sampled_from(sorted(CURRENCIES))


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (10.0, "usd", 1000),
        (10, "usd", 1000),
        ("10", "usd", 1000),
        ("10.0", "usd", 1000),
        ("10.00", "usd", 1000),
        (Decimal("10.000"), "usd", 1000),  # A product of two prices; its value is exact.
        (Decimal("1E+2"), "usd", 10000),
        (19.99, "usd", 1999),
        ("19.99", "USD", 1999),
        (0.29, "eur", 29),
        (1.1, "gbp", 110),
        (4.35, "chf", 435),
        ("0.01", "usd", 1),
        ("999999.99", "usd", 99999999),
        (500, "jpy", 500),
        (500.0, "jpy", 500),
        ("500", "JPY", 500),
        (99999999, "jpy", 99999999),
        (1000, "krw", 1000),
        (7500, "clp", 7500),
        (1, "vnd", 1),
        (5, "isk", 500),
        (5.0, "isk", 500),
        (5000, "ugx", 500000),
        ("5.12", "kwd", 5120),
        (5.12, "kwd", 5120),
        ("5.120", "kwd", 5120),
        (0.01, "bhd", 10),
        (99999.99, "omr", 99999990),
        (1234.56, "huf", 123456),  # Whole only when it is paid out.
        ("99.95", "twd", 9995),
        (1234.5, "tnd", 1234500),
    ],
)
def test_an_amount_becomes_stripes_integer(amount: Any, currency: str, minor: int) -> None:
    result = to_minor(amount, currency)
    assert result == minor
    assert type(result) is int


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1000, "usd", "10.00"),
        (1, "usd", "0.01"),
        (0, "usd", "0.00"),
        (-250, "EUR", "-2.50"),
        (500, "jpy", "500"),
        (0, "jpy", "0"),
        (500, "isk", "5"),
        (500000, "ugx", "5000"),
        (550, "ugx", "5.50"),  # Stripe should never send it, but a balance is what it is.
        (5120, "kwd", "5.120"),
        (5124, "kwd", "5.124"),
        (1, "tnd", "0.001"),
        (0, "bhd", "0.000"),
        (123456789012345678, "usd", "1234567890123456.78"),  # A balance may pass any cap.
        ((1 << 64) - 1, "jpy", "18446744073709551615"),
        (12345678901234567800, "ugx", "123456789012345678"),  # No float has as many digits.
    ],
)
def test_stripes_integer_becomes_a_plain_amount(minor: int, currency: str, text: str) -> None:
    assert str(to_major(minor, currency)) == text


def test_every_price_from_one_cent_to_a_hundred_dollars_is_exact() -> None:
    for cents in range(1, 10_001):
        text = f"{cents // 100}.{cents % 100:02d}"
        assert [to_minor(text, "usd"), to_minor(float(text), "usd"),
                to_minor(Decimal(text), "usd")] == [cents] * 3  # fmt: skip
        assert str(to_major(cents, "usd")) == text


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_one_unit_of_every_currency(currency: str) -> None:
    assert to_minor(1, currency) == ONE_UNIT.get(currency, 100)
    assert to_major(ONE_UNIT.get(currency, 100), currency) == 1


@given(currency=currencies, data=st.data())
def test_each_amount_that_stripe_takes_survives_the_round_trip(
    currency: str, data: st.DataObject
) -> None:
    step = STEP.get(currency, 1)
    minor = step * data.draw(st.integers(1, 99_999_999 // step))
    major = to_major(minor, currency)
    assert major * ONE_UNIT.get(currency, 100) == minor
    assert to_minor(major, currency.upper()) == minor
    assert to_minor(str(major), currency) == minor
    assert to_minor(float(major), currency) == minor


@given(currency=currencies, data=st.data())
def test_a_fraction_of_a_step_is_refused(currency: str, data: st.DataObject) -> None:
    tenth = Decimal(STEP.get(currency, 1)) / ONE_UNIT.get(currency, 100) / 10
    steps = data.draw(st.integers(0, 10_000)) * 10 + data.draw(st.integers(1, 9))
    with pytest.raises(InvalidAmountError):
        to_minor(steps * tenth, currency)


anything_like_an_amount = st.one_of(
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(alphabet="0123456789.,-+eE_ ", max_size=12),
    st.text(max_size=8),
)


@given(amount=anything_like_an_amount, currency=currencies)
def test_whatever_is_taken_is_exact_and_within_bounds(amount: Any, currency: str) -> None:
    try:
        minor = to_minor(amount, currency)
    except InvalidAmountError:
        return
    assert 0 < minor <= 99_999_999
    assert minor % STEP.get(currency, 1) == 0
    written = repr(amount) if isinstance(amount, float) else str(amount)
    assert Fraction(minor, ONE_UNIT.get(currency, 100)) == Fraction(written)


@given(amount=anything_like_an_amount)
def test_an_amount_without_currency_is_plain_and_positive_or_refused(amount: Any) -> None:
    try:
        value = decimal_amount(amount)
    except InvalidAmountError:
        return
    assert 0 < value <= 99_999_999
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    assert -3 <= exponent <= 0
    assert "E" not in str(value)


def test_surplus_zeros_go_from_numbers_and_stay_in_texts() -> None:
    assert str(decimal_amount(Decimal("10.5000"))) == "10.5"
    assert str(decimal_amount(Decimal("1E+2"))) == "100"
    assert str(decimal_amount(10.0)) == "10"
    assert str(decimal_amount(1e3)) == "1000"
    assert str(decimal_amount(7)) == "7"
    assert str(decimal_amount("10.50")) == "10.50"


@pytest.mark.parametrize(
    "amount",
    [
        True, False, None, 1j, b"10", [10], {}, object(), Fraction(1, 2),
        type("Numpy", (float,), {})(10.0), type("Text", (str,), {})("10"), Cents.TEN,
        float("nan"), float("inf"), float("-inf"),
        Decimal("NaN"), Decimal("sNaN"), Decimal("-NaN"), Decimal("Infinity"),
        0, 0.0, -0.0, "0", "0.00", Decimal(0), Decimal("-0.00"), Decimal("0E-999999"),
        -1, -0.01, Decimal(-5), "-5", Decimal("-Infinity"),
        "", " ", "10 ", " 10", "+10", "1e2", "1E2", "0x10", "1_000", "1,000", "1.000,00", "10,5",
        ".5", "5.", "007", "1.2.3", "\u0661\u0660", "\uff11\uff10",
        "10\n", "ten", "NaN", "inf", "$10", "10 usd", "²",
        "1" * 33, "0." + "1" * 40, 10**9, 10**5000, -(10**5000), 1e300, 1e16, 5e-324,
        Decimal("1E+999999"), Decimal("1E-999999"), Decimal("0.0001"), "0.0001", "1.2345", "1.0000",
        0.1 + 0.2, 1.0000001, 100_000_000, "100000000", Decimal("99999999.5"),
    ],
    ids=case,
)  # fmt: skip
def test_what_is_no_amount_is_refused_before_its_currency_is_known(amount: Any) -> None:
    with pytest.raises(InvalidAmountError):
        decimal_amount(amount)
    with pytest.raises(InvalidAmountError) as caught:
        to_minor(amount, "jpy")
    assert isinstance(caught.value, BillingError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.money_moved == "no"
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (True, "not bool"),
        ("1e5", "'1e5' is not a plain decimal amount"),
        ("x" * 41, f"{'x' * 40!r} is not a plain decimal amount"),
        ("1" * 33, f"{'1' * 33!r} is not a plain decimal amount"),
        ("1" * 32, "is above the maximum of 99999999"),
        ("1.2345", "'1.2345' has more decimals than any currency"),
        (Decimal("1.23456"), "1.23456 has more decimals than any currency"),
        (Decimal("0." + "1" * 50), f"0.{'1' * 38} has more decimals than any currency"),
        (Decimal("0.0001"), "below the smallest unit"),
        (float("nan"), "is not a number"),
        (0, "zero or negative"),
        (Decimal(-5), "zero or negative"),
        (float("inf"), "is above the maximum of 99999999"),
        (10**5000, "is above the maximum of 99999999"),
        (Decimal("1E+9"), "is above the maximum of 99999999"),
        (100_000_000, "100000000 is above the maximum of 99999999"),
    ],
    ids=case,
)
def test_a_refusal_says_what_is_wrong(amount: Any, said: str) -> None:
    with pytest.raises(InvalidAmountError) as caught:
        decimal_amount(amount)
    assert said in caught.value.problem
    assert caught.value.remedy


def test_what_is_too_much_for_a_currency_is_told_with_the_most_that_it_has() -> None:
    for amount, currency, largest in (
        (1_000_000, "USD", "999999.99"),
        (100_000, "kwd", "99999.999"),
        (1_000_000, "ugx", "999999.99"),
    ):
        with pytest.raises(InvalidAmountError) as caught:
            to_minor(amount, currency)
        assert f"{amount} {currency.lower()}" in caught.value.problem
        assert caught.value.problem.endswith(largest)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0.001", "usd"), (19.999, "usd"), (Decimal("0.005"), "eur"),
        ("1.000", "eur"), ("10.000", "usd"),  # A thousand, or one? Not for us to guess.
        (500.5, "jpy"), ("500.0", "jpy"), ("0.5", "krw"), (0.01, "vnd"),
        (5.5, "isk"), ("5.00", "isk"), (0.01, "ugx"), (Decimal("99.9"), "ugx"),
        ("5.124", "kwd"), (5.125, "bhd"), (Decimal("0.001"), "tnd"), ("1.2345", "omr"),
        (1_000_000, "usd"), ("1000000.00", "eur"), (99_999_999, "isk"), (1_000_000, "ugx"),
        (100_000, "kwd"), ("99999.999", "kwd"),
    ],
)  # fmt: skip
def test_what_the_currency_does_not_have_is_refused(amount: Any, currency: str) -> None:
    decimal_amount(Decimal(str(amount)) if amount != "1.2345" else "1.234")
    with pytest.raises(InvalidAmountError) as caught:
        to_minor(amount, currency)
    assert currency in caught.value.message or amount == "1.2345"


def test_the_largest_amount_is_eight_digits_in_every_currency() -> None:
    assert MAX_AMOUNT_MINOR == 99_999_999
    for currency in CURRENCIES:
        step = STEP.get(currency, 1)
        largest = 99_999_999 // step * step
        assert to_minor(to_major(largest, currency), currency) == largest
        with pytest.raises(InvalidAmountError):
            to_minor(to_major(largest + step, currency), currency)


def test_the_callers_decimal_context_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 2
        context.rounding = ROUND_UP
        context.traps[Inexact] = True
        assert to_minor("1234.56", "usd") == 123456
        assert to_minor(1234.56, "usd") == 123456
        assert str(to_major(12345678, "usd")) == "123456.78"
        assert str(decimal_amount(Decimal("123456.780"))) == "123456.78"


@pytest.mark.parametrize("code", ["usd", "USD", "Usd", "uSD"])
def test_currencies_come_in_any_case(code: str) -> None:
    assert normalize_currency(code) == "usd"


@pytest.mark.parametrize(
    "code",
    ["", " ", " usd", "usd ", "us", "usdc", "usdd", "euro", "xxx", "btc", "$", "\u212arw", "ﬁm",
     "usd\n", "U\u017fD", None, 840, b"usd", True, ["usd"], "x" * 100_000],
    ids=case,
)  # fmt: skip
def test_what_stripe_does_not_list_is_no_currency(code: Any) -> None:
    with pytest.raises(InvalidCurrencyError) as caught:
        normalize_currency(code)
    assert len(str(caught.value)) < 300
    with pytest.raises(InvalidCurrencyError):
        to_minor(10, code)
    with pytest.raises(InvalidCurrencyError):
        to_major(1000, code)


def test_a_mistyped_currency_names_its_neighbours() -> None:
    assert "'eru'" in _message("eru")
    assert "eur" in _message("eru")
    said = _message("us")
    assert 0 < said.index("uzs") < said.index("usd")
    assert "'qqqq'" in _message("qqqq")
    _message("")


def _message(code: str) -> str:
    with pytest.raises(InvalidCurrencyError) as caught:
        normalize_currency(code)
    return str(caught.value)


@pytest.mark.parametrize(
    "minor", [True, 10.0, "1000", None, Decimal(1000), 1 << 64, -(10**5000)], ids=case
)
def test_minor_units_are_integers_of_sane_size(minor: Any) -> None:
    with pytest.raises(InvalidAmountError):
        to_major(minor, "usd")


def test_the_currencies_are_those_that_the_api_lists() -> None:
    assert len(CURRENCIES) == 150
    assert all(len(code) == 3 and code.isascii() and code.islower() for code in CURRENCIES)
    # Three decimals in ISO 4217, and Stripe does not take them: they would be off by ten.
    assert not CURRENCIES & {"iqd", "lyd"}
    assert set(ONE_UNIT) | set(STEP) <= CURRENCIES
