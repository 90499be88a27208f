"""What refusals of keys and names say: enough to fix them, and never the value of a secret."""

import pytest

from stripe_billing_router.core.secret import Secret
from stripe_billing_router.errors import InvalidKeyError, UnknownRouteError
from stripe_billing_router.keys.formats import check_public_key, check_secret_key
from stripe_billing_router.routing.table import RoutingTable
from support.routes import LEAST

BODY = "fake51HiddenPart"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (" ", "is empty"),
        (
            f"sk_live_{BODY} x",
            "holds a blank, a control character or a character that is not ASCII",
        ),
        ("sk_live_", "is cut short or holds characters that no key has"),
        (f"sk_live_{BODY}-", "is cut short or holds characters that no key has"),
        (BODY, "is not a Stripe key"),
        (f"sk_test_{BODY}", "is a test-mode secret key"),
        (f"pk_live_{BODY}", "is a publishable key"),
    ],
)
def test_a_key_that_cannot_be_used_is_named_by_source_and_kind(value: str, problem: str) -> None:
    with pytest.raises(InvalidKeyError) as caught:
        check_secret_key(Secret(value), "Vault")
    assert caught.value.problem == f"The secret key from Vault {problem}"
    assert "(sk_live_… or rk_live_…)" in caught.value.remedy
    assert "Hidden" not in caught.value.message


def test_a_public_key_is_called_one() -> None:
    with pytest.raises(InvalidKeyError) as caught:
        check_public_key(Secret(f"sk_live_{BODY}"), "the environment")
    assert caught.value.problem == "The public key from the environment is a secret key"
    assert "(pk_live_…)" in caught.value.remedy


def test_up_to_five_names_near_to_an_unknown_one_are_listed() -> None:
    table = RoutingTable()
    for number in range(7):
        table.register("finance", f"payments_bot_{number}{number}", LEAST)
    with pytest.raises(UnknownRouteError) as caught:
        table.resolve("finance:payments_bot")
    assert caught.value.message.count("payments_bot_") == 5
