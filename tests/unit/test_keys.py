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
    "text",
    [
        "", " \n", "secretpart", "SK_LIVE_" + BODY, "Bearer", "sk_live_", "sk_live_ab",
        *("sk_live_" + BODY + end for end in
          ("...", "-x", "@x", "\nsk_live_" + BODY, "\x00x", "\x7f", "é", "\u200b", " x")),
        '"sk_live_' + BODY + '"',
    ],
)  # fmt: skip
def test_what_is_no_whole_key_is_refused(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sk_test_" + BODY, "test-mode"),
        ("rk_test_" + BODY, "restricted"),
        ("pk_test_" + BODY, "publishable"),
        ("pk_live_" + BODY, "publishable"),
        ("sk_org_live_" + BODY, "organisation"),
        ("sk_org_test_" + BODY, "organisation"),
        ("rk_org_live_" + BODY, "organisation"),
        ("pk_org_live_" + BODY, "organisation"),
        ("whsec_" + BODY, "webhook"),
        ("ek_live_" + BODY, "ephemeral"),
        ("ek_test_" + BODY, "ephemeral"),
        ("pi_123_secret_" + BODY, "client secret"),
        ("seti_123_secret_" + BODY, "client secret"),
        ("az_AMZamz059_secret_" + BODY, "client secret"),
        ("acct_" + BODY, "account id"),
        ("ca_" + BODY, "Connect"),
        ("${STRIPE_SECRET_KEY}", "placeholder"),
        ("<secretpart>", "placeholder"),
        ("{secretpart}", "placeholder"),
        ("%secretpart%", "placeholder"),
    ],
)
def test_another_kind_of_key_is_refused_by_its_kind(text: str, kind: str) -> None:
    assert kind in refusal(text)


@pytest.mark.parametrize(
    ("prefix", "kind"),
    [
        ("sk_live_", "secret key"),
        ("rk_live_", "restricted"),
        ("pk_test_", "test-mode"),
        ("whsec_", "webhook"),
    ],
)
def test_only_a_publishable_key_is_a_public_key(prefix: str, kind: str) -> None:
    assert kind in refusal(prefix + BODY, check_public_key)


@pytest.mark.parametrize(
    "beginning",
    ["sk_org", "sk_test", "rk_test", "pk_test", "sk_live", "rk_live", "pk_live", "whsec", "ek_live",
     "pi_1_secret", "pi__secret_", "pi_-_secret_", "acct", "ca"],
)  # fmt: skip
def test_what_only_begins_like_one_is_no_key(beginning: str) -> None:
    check = check_public_key if beginning[1:] == "k_live" else check_secret_key
    assert refusal(f"{beginning}-{BODY}", check) == refusal("nonsense", check)


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
    ("named", "shown"),
    [
        ({}, ()),
        ({"first": None}, ()),
        ({"first": ""}, ("first",)),
        ({"first": "acct_1", "second": "nonsense"}, ("second",)),
        ({"first": "acct_1", "second": "acct_2"}, ("acct_1", "first", "acct_2", "second")),
    ],
)
def test_no_account_or_two_are_refused(
    named: dict[str, str | None], shown: tuple[str, ...]
) -> None:
    with pytest.raises(MasterAccountError) as caught:
        one_master_account(named)
    for part in shown:
        assert part in str(caught.value)


def test_of_a_key_its_kind_and_the_end_of_a_long_one_are_shown() -> None:
    assert hint(Secret("sk_live_fake51HxABCDEF")) == "sk_live_…CDEF"
    assert hint(Secret("pk_live_fake51")) == "pk_live_…"
