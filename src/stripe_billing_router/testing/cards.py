"""How payment methods behave: Stripe's named test cards, and those that a test adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["succeeds", "declines", "needs_authentication", "processes"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens when a payment method is charged."""

    outcome: Outcome = "succeeds"
    code: str | None = None
    decline_code: str | None = None
    message: str = ""


_MESSAGES = {
    "card_declined": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": (
        "An error occurred while processing your card. Try again in a little bit."
    ),
    "authentication_required": (
        "Your card was declined. This transaction requires authentication."
    ),
}


def declining(decline_code: str) -> Behaviour:
    """Return a card that is declined for the given reason. Stripe: "Decline codes"."""
    if decline_code == "authentication_required":
        return Behaviour(
            "needs_authentication", decline_code, decline_code, _MESSAGES[decline_code]
        )
    own = decline_code in _MESSAGES and decline_code != "card_declined"
    code = decline_code if own else "card_declined"
    detail = "generic_decline" if decline_code == "card_declined" else decline_code
    message = "Your card has insufficient funds." if detail == "insufficient_funds" else None
    return Behaviour("declines", code, detail, message or _MESSAGES[code])


AUTHENTICATION = declining("authentication_required")

# Stripe: "Testing use cases", payment methods for tests. They belong to no customer.
TEST_CARDS: dict[str, Behaviour] = {
    "pm_card_visa": Behaviour(),
    "pm_card_mastercard": Behaviour(),
    "pm_card_amex": Behaviour(),
    "pm_card_chargeDeclined": declining("generic_decline"),
    "pm_card_visa_chargeDeclined": declining("generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": declining("insufficient_funds"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": declining("insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": declining("lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": declining("stolen_card"),
    "pm_card_chargeDeclinedFraudulent": declining("fraudulent"),
    "pm_card_chargeDeclinedExpiredCard": declining("expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": declining("incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": declining("processing_error"),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": declining("card_velocity_exceeded"),
    "pm_card_authenticationRequired": AUTHENTICATION,
    "pm_usBankAccount_processing": Behaviour("processes"),
    "pm_processing": Behaviour("processes"),
}


def behaviour_named(name: str) -> Behaviour:
    """Return the requested behaviour: `succeeds`, `processes`, `authentication` or a decline code.

    Args:
        name: as above; a decline code is any of Stripe's, such as `insufficient_funds`.
    """
    if name == "succeeds":
        return Behaviour()
    if name == "processes":
        return Behaviour("processes")
    if name == "authentication":
        return AUTHENTICATION
    return declining(name)
