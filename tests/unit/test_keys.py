"""Keys by their form: only live keys of the right kind, and no word about the others' value."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.core.secret import Secret
from stripe_billing_router.errors import InvalidKeyError, MasterAccountError
from stripe_billing_router.keys.formats import (
    check_master_account_id,
    check_public_key,
    check_secret_key,
    hint,
    one_master_account,
)

BODY = "fake51HxABCDEFsecretpart"


def refusal(text: str, check: object = check_secret_key) -> str:
    assert callable(check)
    with pytest.raises(InvalidKeyError) as caught:
        check(Secret(text), "the test")
    message = str(caught.value)
    assert "the test" in message
    assert "secretpart" not in message
    assert caught.value.money_moved == "no"
    return message


@pytest.mark.parametrize("prefix", ["sk_live_", "rk_live_"])
def test_live_secret_and_restricted_keys_are_taken(prefix: str) -> None:
    assert check_secret_key(Secret(prefix + BODY), "x").reveal() == prefix + BODY


def test_live_publishable_keys_are_taken() -> None:
    assert check_public_key(Secret("pk_live_" + BODY), "x").reveal() == "pk_live_" + BODY


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", " {} ", "\t{}"])
def test_blanks_around_a_key_are_taken_off(around: str) -> None:
    text = around.format("sk_live_" + BODY)
    assert check_secret_key(Secret(text), "x").reveal() == "sk_live_" + BODY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("sk_test_" + BODY, "a test-mode secret key"),
        ("rk_test_" + BODY, "a test-mode restricted key"),
        ("pk_test_" + BODY, "a test-mode publishable key"),
        ("pk_live_" + BODY, "is a publishable key"),
        ("sk_org_live_" + BODY, "an organisation key"),
        ("sk_org_test_" + BODY, "an organisation key"),
        ("rk_org_live_" + BODY, "an organisation key"),
        ("pk_org_live_" + BODY, "an organisation key"),
        ("whsec_" + BODY, "a webhook signing secret"),
        ("ek_live_" + BODY, "an ephemeral key"),
        ("ek_test_" + BODY, "an ephemeral key"),
        ("pi_123_secret_" + BODY, "a client secret"),
        ("seti_123_secret_" + BODY, "a client secret"),
        ("az_AMZamz059_secret_" + BODY, "a client secret"),
        ("acct_" + BODY, "an account id"),
        ("ca_" + BODY, "a Connect client id"),
        ("${STRIPE_SECRET_KEY}", "a placeholder"),
        ("<secretpart>", "a placeholder"),
        ("{secretpart}", "a placeholder"),
        ("%secretpart%", "a placeholder"),
        ("secretpart", "not a Stripe key"),
        ("SK_LIVE_" + BODY, "not a Stripe key"),
        ("Bearer", "not a Stripe key"),
        ("sk_live_", "is cut short"),
        ("sk_live_ab", "is cut short"),
        ("sk_live_" + BODY + "...", "holds characters that no key has"),
        ("sk_live_" + BODY + "-x", "holds characters that no key has"),
        ("sk_live_" + BODY + "@x", "holds characters that no key has"),
        ("sk_live_" + BODY + "\nsk_live_" + BODY, "a blank, a control character"),
        ("sk_live_" + BODY + "\x00x", "a blank, a control character"),
        ("sk_live_" + BODY + "\x7f", "a blank, a control character"),
        ("sk_live_" + BODY + "é", "not ASCII"),
        ("sk_live_" + BODY + "\u200b", "not ASCII"),
        ('"sk_live_' + BODY + '"', "not a Stripe key"),
    ],
)
def test_each_other_text_is_refused_in_its_own_words(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("sk_live_", "is a secret key"),
        ("rk_live_", "is a restricted key"),
        ("pk_test_", "is a test-mode publishable key"),
        ("whsec_", "is a webhook signing secret"),
    ],
)
def test_only_a_publishable_key_is_a_public_key(prefix: str, said: str) -> None:
    assert said in refusal(prefix + BODY, check_public_key)


@pytest.mark.parametrize(
    "beginning",
    ["sk_org", "sk_test", "rk_test", "pk_test", "sk_live", "rk_live", "pk_live", "whsec", "ek_live",
     "pi_1_secret", "pi__secret_", "pi_-_secret_", "acct", "ca"],
)  # fmt: skip
def test_what_only_begins_like_one_is_no_key(beginning: str) -> None:
    check = check_public_key if beginning[1:] == "k_live" else check_secret_key
    assert "is not a Stripe key" in refusal(f"{beginning}-{BODY}", check)


@pytest.mark.parametrize("character", string.ascii_letters + string.digits + "_")
def test_a_key_and_an_account_id_hold_letters_digits_and_underscores(character: str) -> None:
    key = "sk_live_" + character * 3
    assert check_secret_key(Secret(key), "x").reveal() == key
    assert check_master_account_id(f"acct_{character}", "x") == f"acct_{character}"


@given(st.text(alphabet=string.printable + "é\x00", max_size=40))
def test_whatever_is_taken_can_be_sent_in_a_header(text: str) -> None:
    for prefix in ("sk_live_", "sk_test_", ""):
        try:
            key = check_secret_key(Secret(prefix + text), "x").reveal()
        except InvalidKeyError as error:
            assert len(text.strip()) < 12 or text.strip() not in str(error)  # noqa: PT017
        else:
            assert prefix == "sk_live_" or text.strip().startswith(("sk_live_", "rk_live_"))
            assert key.isascii()
            assert key.isprintable()
            assert " " not in key


def test_a_long_key_is_taken() -> None:
    assert check_secret_key(Secret("sk_live_" + "a" * 240), "x")


@pytest.mark.parametrize("text", ["acct_master", "acct_1Pgafake", " acct_1\n", "acct_a_b"])
def test_account_ids_are_taken(text: str) -> None:
    assert check_master_account_id(text, "x") == text.strip()


@pytest.mark.parametrize(
    "text",
    ["", " ", "acct_", "acct-1", "ACCT_1", "1Pgafake", "acct_1 acct_2", "acct_1@2", "acct_é",
     "acct_1/.."],
)  # fmt: skip
def test_other_account_ids_are_refused(text: str) -> None:
    with pytest.raises(MasterAccountError) as caught:
        check_master_account_id(text, "the test")
    assert "the test" in str(caught.value)


def test_a_key_in_place_of_the_account_id_is_not_repeated() -> None:
    with pytest.raises(MasterAccountError) as caught:
        check_master_account_id("sk_live_" + BODY, "x")
    assert "secretpart" not in str(caught.value)


@pytest.mark.parametrize(
    "named",
    [{"a": "acct_1"}, {"a": None, "b": " acct_1\n"}, {"a": "acct_1", "b": "acct_1", "c": None}],
)
def test_one_account_may_be_named_by_several(named: dict[str, str | None]) -> None:
    assert one_master_account(named) == "acct_1"


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({}, "not named"),
        ({"a": None}, "not named"),
        ({"a": ""}, "from a is empty"),
        ({"a": "acct_1", "b": "nonsense"}, "from b is not an account id"),
        ({"a": "acct_1", "b": "acct_2"}, "acct_1 by a and acct_2 by b"),
    ],
)
def test_no_account_or_two_are_refused(named: dict[str, str | None], said: str) -> None:
    with pytest.raises(MasterAccountError, match=said):
        one_master_account(named)


def test_of_a_key_its_kind_and_the_end_of_a_long_one_are_shown() -> None:
    assert hint(Secret("sk_live_fake51HxABCDEF")) == "sk_live_…CDEF"
    assert hint(Secret("pk_live_fake51")) == "pk_live_…"
