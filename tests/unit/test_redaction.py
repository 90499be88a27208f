"""Redaction: planted secrets are gone, and what is no secret stays readable."""

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router import redaction
from stripe_billing_router.redaction import MASK, redact, strip_secrets

# Each with the part that must not be left over.
SECRETS = [
    ("sk_live_51HxFAKEfake", "FAKEfake"),
    ("sk_test_51HxFAKEfake", "FAKEfake"),
    ("rk_live_51HxFAKEfake", "FAKEfake"),
    ("rk_test_51HxFAKEfake", "FAKEfake"),
    ("pk_live_51HxFAKEfake", "FAKEfake"),
    ("pk_test_51HxFAKEfake", "FAKEfake"),
    ("sk_org_live_51HxFAKEfake", "FAKEfake"),
    ("sk_live_****FAKE", "FAKE"),
    ("whsec_FAKE+fake/x==", "FAKE"),
    ("ek_live_FAKEfake", "FAKE"),
    ("pi_3NxAB_secret_FAKEfake", "FAKE"),
    ("seti_1NxAB_secret_FAKEfake", "FAKE"),
    ("cs_live_a1B2_secret_FAKEfake%2Bx", "FAKE"),
    ("hvs.FAKEfake-CAES_x.y", "FAKE"),
    ("hvb.FAKEfake", "FAKE"),
    ("s.FAKEfakeFAKEfakeFAKEfake", "FAKE"),
    ("eyJmYWtlIjoxfQ.eyJmYWtlIjoyfQ.FAKEfake", "FAKE"),
    ("Bearer FAKE.fake", "FAKE"),
    ("bearer  FAKEfake", "FAKE"),
    ("BEARER FAKEfake", "FAKE"),
    ("Basic c2tfbGl2ZV9GQUtFOg==", "c2tf"),
    ("postgresql+psycopg://user:FAKEword@db:5432/ledger", "FAKE"),
    ("https://:FAKEword@vault", "FAKE"),
]

HARMLESS = [
    "", "pi_3NxABcd", "cus_finance_default", "price_finance_standard", "acct_master", "req_1",
    "sk_live_…", "sk_live_", "put the live secret key there (sk_live_… or rk_live_…)", "whsec_",
    "the basic plan of a bearer", "https://example.com:8443/a@b", "https://dashboard.stripe.com/x",
    "client_secret", "e.g. this one", "risk_lively", "10.00 usd", "a:b", "stripe:finance:bot",
    "sbr1_0123456789abcdef", "op_abcdefghij",
]  # fmt: skip


@pytest.mark.parametrize(("secret", "part"), SECRETS)
@pytest.mark.parametrize(
    "around", ["{}", "the key {} was refused", '{{"key": "{}"}}', "key={}&x=1", "({}),", "'{}'\n"]
)
def test_a_secret_is_masked_wherever_it_stands(secret: str, part: str, around: str) -> None:
    shown = redact(around.format(secret))
    assert part not in shown
    assert MASK in shown


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(("secret", "part"), SECRETS)
def test_json_stays_json(secret: str, part: str) -> None:
    text = json.dumps({"url": "https://a", "key": secret, "mail": "b@c", "n": [1, secret]})
    shown = redact(text)
    assert part not in shown
    assert json.loads(shown)["mail"] == "b@c"


@given(st.text(alphabet=string.printable), st.sampled_from(SECRETS), st.text())
def test_masking_twice_is_masking_once(before: str, secret: tuple[str, str], after: str) -> None:
    once = redact(f"{before} {secret[0]} {after}")
    assert redact(once) == once


@given(
    st.lists(
        st.one_of(
            st.sampled_from([secret for secret, _ in SECRETS]),
            st.sampled_from(
                ["_live_", "_secret_", "hvs.", "s.", "eyJ", ".eyJ", "://", "@", ":", "basic ", " "]
            ),
            st.text(alphabet=string.printable, max_size=12),
        )
    ).map("".join)
)
def test_the_quick_look_misses_nothing_that_the_thorough_one_finds(text: str) -> None:
    assert redact(text) == redaction._SECRET.sub(MASK, text)


def test_secret_fields_are_dropped_at_any_depth() -> None:
    body: dict[str, Any] = {
        "id": "pi_1",
        "client_secret": "pi_1_secret_FAKE",
        "amount": 1000,
        "livemode": True,
        "nothing": None,
        "data": [{"secret": "FAKE", "note": "whsec_FAKE"}, ({"ephemeral_key_secret": "FAKE"},)],
        "sk_live_FAKEasKey": 1,
    }
    stripped = strip_secrets(body)
    assert "FAKE" not in json.dumps(stripped)
    assert (stripped["id"], stripped["amount"], stripped["livemode"]) == ("pi_1", 1000, True)
    assert stripped["nothing"] is None
    # The original is left as it was.
    assert body["client_secret"] == "pi_1_secret_FAKE"


def test_a_long_text_is_read_in_time_proportional_to_its_length() -> None:
    for piece in (
        "ab_",
        "ab_cd_secret",
        "://a:",
        "s.",
        "bearer ",
        "sk_live",
        "://",
        "a@",
        "basic ",
    ):
        assert isinstance(redact(piece * 20_000), str)
