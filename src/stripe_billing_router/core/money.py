"""Amounts: from what a bot writes to Stripe's integers and back, exactly or not at all.

Stripe counts in minor units, and how many make a major unit differs by currency. Sources: Stripe's
"supported currencies" page (zero-decimal and three-decimal currencies, special cases) and its
support note on fractional ISK amounts. An ISO 4217 table would be wrong by 100 for ISK and UGX.

Nothing here rounds, and nothing depends on the caller's `decimal` context.
"""

from __future__ import annotations

import difflib
import re
from decimal import Decimal
from typing import Final

from ..errors import InvalidAmountError, InvalidCurrencyError
from .types import Amount

# Stripe takes eight digits in every currency and by every payment method; some cards allow more.
# The bound is therefore a policy of this package, not a law of Stripe.
MAX_AMOUNT_MINOR: Final = 99_999_999

# What the API itself lists when it refuses an unknown currency, less `usdc`, which is not money of
# account for any helper here. Withdrawn currencies stay: Stripe still reads them, and old objects
# still hold them. Whether a given account may charge in one is for Stripe to judge.
CURRENCIES: Final = frozenset(
    """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn
    bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd eek egp etb eur fjd fkp gbp gel ghs gip
    gmd gnf gtq gyd hkd hnl hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt
    lak lbp lkr lrd lsl ltl lvl mad mdl mga mkd mmk mnt mop mro mur mvr mwk mxn myr mzn nad ngn nio
    nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sll
    sos srd std svc szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vef vnd vuv wst xaf xcd
    xcg xof xpf yer zar zmw
    """.split()  # noqa: SIM905 - a list of 150 quoted codes cannot be read against Stripe's
)

# One minor unit is one major unit.
_ZERO_DECIMAL: Final = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905 - as above
)

# Whole in real life, sent as hundredths: Stripe kept the two decimals of old and refuses fractions.
_WHOLE_IN_HUNDREDTHS: Final = frozenset({"isk", "ugx"})

# Thousandths, of which card networks carry two digits only: the last one must be 0.
_THREE_DECIMAL: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})

_MOST_DECIMALS: Final = 3
_LONGEST_TEXT: Final = 32
_SHOWN: Final = 40

_ROUND: Final = "Round it to the decimals that the currency has."
_POSITIVE: Final = "Pass an amount above zero, in major units such as 19.99."
_LOWER: Final = "Pass a smaller amount in major units, or split the charge."

# No sign, exponent, separator, space or leading zero, and ASCII digits only: whoever writes "1e5",
# "1_000" or "1,000" may mean something else than this package would read.
_PLAIN: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.([0-9]+))?")


def normalize_currency(code: object) -> str:
    """Return the currency code in lower case, as Stripe writes it.

    `code` is a three-letter code in any case, without spaces around it.
    Raises InvalidCurrencyError for anything that Stripe does not list, and for an empty code.
    """
    if not isinstance(code, str):
        raise InvalidCurrencyError(
            f"A currency must be a text, not {type(code).__name__}",
            "Pass a three-letter code such as 'usd'.",
        )
    lowered = code.lower()
    # `"\u212arw".lower()` is "krw": letters that only become ASCII by lowering are refused.
    if code.isascii() and lowered in CURRENCIES:
        return lowered
    if not code:
        raise InvalidCurrencyError(
            "The currency is empty",
            "Pass a code such as 'usd', or leave it out to use the route's currency.",
        )
    near = difflib.get_close_matches(lowered.strip()[:_SHOWN], sorted(CURRENCIES))
    hint = f" (the nearest are {', '.join(near)})" if near else ""
    raise InvalidCurrencyError(
        f"{code[:_SHOWN]!r} is not a currency that Stripe supports{hint}",
        "Pass the three-letter code of a supported currency.",
    )


def decimal_amount(amount: Amount) -> Decimal:
    """Return an amount in major units as a positive, plain Decimal, before its currency is known.

    `amount` is an `int`, a `str` of plain decimal digits, a `Decimal`, or a `float`, which is read
    by its shortest decimal form (19.99 is 19.99). A text keeps the decimals that it was written
    with; from the others trailing zeros go. Subclasses and other number types are not taken.
    Raises InvalidAmountError for what is not positive, finite, exact and within bounds.
    """
    # By exact type: `True` is an `int`, and numpy's floats print differently from their value.
    kind = type(amount)
    if kind is str:
        return _from_text(str(amount))
    if kind is int:
        return _bounded(Decimal(amount) if int(amount).bit_length() <= 64 else Decimal("Infinity"))
    if kind is float:
        return _bounded(Decimal(repr(amount)))
    if kind is Decimal:
        return _bounded(Decimal(amount))
    raise InvalidAmountError(
        f"An amount must be an int, str, Decimal or float, not {kind.__name__}",
        "Convert it to a Decimal.",
    )


def to_minor(amount: Amount, currency: str) -> int:
    """Return an amount in major units as Stripe's integer in minor units of `currency`.

    Raises InvalidCurrencyError, and InvalidAmountError for what `decimal_amount` refuses, for more
    decimals than the currency has, and for more than MAX_AMOUNT_MINOR. A text may not have surplus
    zeros either: "1.000" is a thousand euros in Germany.
    """
    currency = normalize_currency(currency)
    value = decimal_amount(amount)
    decimals = _decimals(currency)
    written = -int(value.as_tuple().exponent)
    if written > decimals:
        raise InvalidAmountError(
            f"The amount {value} has too many decimals for {currency}, which has "
            f"{decimals or 'none'}",
            "Round it to what the customer is to pay.",
        )
    numerator, denominator = value.as_integer_ratio()
    minor: int = numerator * 10 ** _api_decimals(currency) // denominator
    if currency in _THREE_DECIMAL and minor % 10:
        raise InvalidAmountError(
            f"The amount {value} has three decimals, and Stripe accepts {currency} with two only",
            "Round it to a multiple of 0.01.",
        )
    if minor > MAX_AMOUNT_MINOR:
        largest = to_major(MAX_AMOUNT_MINOR, currency)
        raise InvalidAmountError(
            f"The amount {value} {currency} is above the maximum of {largest}", _LOWER
        )
    return minor


def to_major(minor: int, currency: str) -> Decimal:
    """Return Stripe's integer in minor units of `currency` as exact major units.

    The result has the currency's own number of decimals: 1000 usd is 10.00, 500 jpy is 500,
    500 ugx is 5 and 5120 kwd is 5.120. Zero and negative amounts (balances) are taken.
    Raises InvalidCurrencyError, and InvalidAmountError for what is not an integer.
    """
    currency = normalize_currency(currency)
    if type(minor) is not int or minor.bit_length() > 64:
        raise InvalidAmountError(
            "An amount in minor units must be an int of at most 64 bits, not this "
            f"{type(minor).__name__}",
            "Pass Stripe's integer as it is.",
        )
    if currency in _WHOLE_IN_HUNDREDTHS and minor % 100 == 0:
        return Decimal(minor // 100)
    return Decimal(f"{minor}e-{_api_decimals(currency)}")


def _from_text(text: str) -> Decimal:
    shown = repr(text[:_SHOWN])
    match = _PLAIN.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise InvalidAmountError(
            f"{shown} is not a plain decimal amount",
            "Write it like '19.99': digits and one point, no sign, exponent, separator or space.",
        )
    if match[1] is not None and len(match[1]) > _MOST_DECIMALS:
        raise InvalidAmountError(f"{shown} has more decimals than any currency", _ROUND)
    _bounded(Decimal(text))
    return Decimal(text)


def _bounded(value: Decimal) -> Decimal:
    """Check a number of any size before anything is computed with it; drop trailing zeros."""
    if value.is_nan():
        raise InvalidAmountError("The amount is not a number", _POSITIVE)
    if value.is_zero() or value.is_signed():
        raise InvalidAmountError("The amount is zero or negative", _POSITIVE)
    # `adjusted` is the power of ten of the first digit: infinities and 1E+999999999 stop here,
    # before they are written out.
    if value.is_infinite() or value.adjusted() > len(str(MAX_AMOUNT_MINOR)):
        raise InvalidAmountError(f"The amount is above the maximum of {MAX_AMOUNT_MINOR}", _LOWER)
    if value.adjusted() < -_MOST_DECIMALS:
        raise InvalidAmountError("The amount is below the smallest unit of any currency", _ROUND)
    whole, _, decimals = format(value, "f").partition(".")
    decimals = decimals.rstrip("0")
    if len(decimals) > _MOST_DECIMALS:
        raise InvalidAmountError(
            f"{str(value)[:_SHOWN]} has more decimals than any currency", _ROUND
        )
    plain = Decimal(f"{whole}.{decimals}")
    if plain > MAX_AMOUNT_MINOR:
        raise InvalidAmountError(
            f"The amount {plain} is above the maximum of {MAX_AMOUNT_MINOR}", _LOWER
        )
    return plain


def _api_decimals(currency: str) -> int:
    """Say how many decimals the API's integers carry."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def _decimals(currency: str) -> int:
    """Say how many decimals an amount of the currency may have."""
    return 0 if currency in _WHOLE_IN_HUNDREDTHS else _api_decimals(currency)
