"""A secret is seen nowhere but where it is asked for."""

import copy
import dataclasses
import json
import logging
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.core.secret import Secret

TEXT = "sk_live_fakeSecretText1234"


@dataclasses.dataclass
class Holder:
    secret: Secret


def test_it_is_masked_in_every_form_of_text(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(TEXT)
    logging.getLogger("test").error("%s %r %s", secret, secret, [secret])
    told = "".join(
        traceback.StackSummary.extract(traceback.walk_stack(None), capture_locals=True).format()
    )
    assert "secret = Secret" in told
    shown = [
        str(secret), repr(secret), f"{secret}", f"{secret!r:>50}", f"{secret:>3.1}", str([secret]),
        str(Holder(secret)), str(dataclasses.asdict(Holder(secret))), str({secret: 1}),
        json.dumps({"a": secret}, default=str), str(dir(secret)), told, caplog.text,
    ]  # fmt: skip
    assert [text for text in shown if "fakeSecretText" in text] == []


@given(st.text())
def test_it_gives_its_text_back_unchanged(text: str) -> None:
    assert Secret(text).reveal() == text
    assert bool(Secret(text)) == bool(text)


@given(st.text(), st.text())
def test_equal_texts_are_equal_secrets(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) == (one == other)
    assert Secret(one) != one
    if one == other:
        assert hash(Secret(one)) == hash(Secret(other))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(protocol: int) -> None:
    for value in (Secret(TEXT), Holder(Secret(TEXT))):
        with pytest.raises(TypeError) as caught:
            pickle.dumps(value, protocol)
        assert "fakeSecretText" not in str(caught.value)
    with pytest.raises(TypeError):
        Secret(TEXT).__getstate__()


def test_a_copy_is_the_same_secret() -> None:
    secret = Secret(TEXT)
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret


def test_it_cannot_be_changed_and_has_no_dictionary() -> None:
    secret = Secret(TEXT)
    with pytest.raises(AttributeError):
        secret.reveal = str  # type: ignore[method-assign]
    with pytest.raises(AttributeError):
        del secret.reveal
    with pytest.raises(TypeError):
        vars(secret)


def test_only_a_long_secret_shows_its_end() -> None:
    assert Secret(TEXT).last4 == "1234"
    assert Secret("sk_live_short12").last4 == ""
    assert Secret("").last4 == ""


def test_something_else_than_text_is_refused_without_being_shown() -> None:
    with pytest.raises(TypeError) as caught:
        Secret(TEXT.encode())  # type: ignore[arg-type]
    assert "fakeSecretText" not in str(caught.value)
