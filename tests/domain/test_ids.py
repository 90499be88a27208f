"""Ids that sort by time, and keys that are the same on every host."""

import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.core import ids
from stripe_billing_router.core.ids import (
    digest,
    fingerprints,
    operation_id,
    random_key,
    step_key,
    time_sorted_id,
)

NOW_MS = 1_700_000_000_000
STEP = ("acct_1", "finance:bot", "charge", "order-17", 1, "create")


class TestTimeSorted:
    @pytest.fixture(autouse=True)
    def nothing_made_before(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ids never go back in time, so what this process has made already would be in the way."""
        monkeypatch.setattr(ids._sequence, "last", (0, 0))

    def test_text_sorts_by_time_then_by_order(self) -> None:
        times = [NOW_MS, NOW_MS, NOW_MS, NOW_MS + 1, NOW_MS + 1, NOW_MS + 70_000]
        ids = [time_sorted_id("led", at) for at in times]
        assert sorted(ids) == ids
        assert len(set(ids)) == len(ids)

    def test_a_clock_that_goes_back_a_little_changes_no_order(self) -> None:
        later = time_sorted_id("led", NOW_MS)
        assert time_sorted_id("led", NOW_MS - 60_000) > later

    def test_an_id_of_another_time_does_not_carry_the_next_ones_along(self) -> None:
        time_sorted_id("led", NOW_MS + 60_001)
        assert time_sorted_id("led", NOW_MS).startswith(f"led_{NOW_MS:012x}00000")

    def test_its_form_is_prefix_time_order_and_chance(self) -> None:
        at = NOW_MS + 200_000
        first, second = (time_sorted_id("led", at) for _ in range(2))
        assert re.fullmatch(rf"led_{at:012x}00000[0-9a-f]{{16}}", first)
        assert re.fullmatch(rf"led_{at:012x}00001[0-9a-f]{{16}}", second)
        assert first[-16:] != second[-16:]

    def test_threads_get_different_places_in_the_order(self) -> None:
        places: list[str] = []

        def make() -> None:
            places.extend(time_sorted_id("led", NOW_MS + 300_000)[:-16] for _ in range(500))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(places)) == 2000


def test_a_key_that_nobody_gave_is_random() -> None:
    keys = {random_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"auto_[0-9a-f]{32}", key) for key in keys)


class TestDeterministic:
    """They stand at Stripe and in journals of other hosts: a change of form would pay twice."""

    def test_the_keys_of_this_version_stay_what_they_are(self) -> None:
        key = "sbr1_66d72a410edbede4a6e94656c7a8be03861e89df3c00caf9fd29904945c79f2a"
        assert step_key(*STEP) == key
        assert operation_id(*STEP[:4]) == "op_hr3wrclzvqqemgo5sua7kvvqg22vs6gb"
        bought = {"amount": 10, "price": None}
        assert fingerprints(bought) == (
            "13c29d7dfaf6e4a45e82733987e3e509c8c732742c673c64214b252e75f67510",
        )

    @pytest.mark.parametrize("at", range(6))
    def test_every_part_of_a_step_key_counts(self, at: int) -> None:
        parts: list[str | int] = list(STEP)
        parts[at] = 2 if at == 4 else "other"
        assert step_key(*parts) != step_key(*STEP)  # type: ignore[arg-type]

    @pytest.mark.parametrize("at", range(4))
    def test_every_part_of_an_operations_id_counts(self, at: int) -> None:
        parts = list(STEP[:4])
        parts[at] = "other"
        assert operation_id(*parts) != operation_id(*STEP[:4])

    @given(st.text(min_size=1), st.text(max_size=300))
    def test_keys_fit_into_stripes_255_characters_whatever_the_business_key(
        self, bot_id: str, key: str
    ) -> None:
        assert re.fullmatch(r"sbr1_[0-9a-f]{64}", step_key("a", bot_id, "charge", key, 1, "s"))
        assert re.fullmatch(r"op_[a-z2-7]{32}", operation_id("a", bot_id, "charge", key))


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_no_two_lists_share_a_digest(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) is (one == other)


def test_parts_do_not_run_into_each_other() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a") != digest("a", "")


def test_a_fingerprint_does_not_depend_on_the_order_of_facts() -> None:
    one, same, number, text, order, other = fingerprints(
        {"a": 1, "b": [2, {"c": None, "d": 1}]},
        {"b": [2, {"d": 1, "c": None}], "a": 1},
        {"a": 1},
        {"a": "1"},
        {"a": [1, 2]},
        {"a": [2, 1]},
    )
    assert one == same
    assert number != text
    assert order != other
