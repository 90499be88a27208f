"""One payment, as a flow asks for it and as Stripe answers; and a key that nobody may see."""

from typing import Any

from stripe_billing_router.core.calls import StripeCall

# It looks like a live key, and is planted to be looked for in all that is shown.
PLANTED_KEY = "sk_live_fake51PlantedKeyThatNobodyMaySee"

INTENT: dict[str, Any] = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 1000,
    "currency": "usd",
    "status": "succeeded",
    "livemode": True,
}
CREATE = StripeCall(
    "create", "payment_intents.create", {"amount": 1000, "currency": "usd", "customer": "cus_1"}
)
