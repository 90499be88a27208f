"""Who is at work on an operation, and whether that holder can still be alive."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.core.holder import Holder, parse_holder
from stripe_billing_router.core.operation import Operation, State
from stripe_billing_router.domain.leases import blocks_a_retry, is_held, is_same_run
from support.operations import OPERATION

HERE = Holder("this-host", 100, "s1")
NEIGHBOUR = Holder("this-host", 200, "s2")
ELSEWHERE = Holder("other-host", 200, "s3")
NOW_MS = 5_000

words = st.text(st.characters(exclude_characters="/"), min_size=1)


def leased(holder: Holder | str, until_ms: int, state: State = State.PENDING) -> Operation:
    return replace(OPERATION, state=state, lease_owner=str(holder), lease_until_ms=until_ms)


def held(operation: Operation, *alive: Holder) -> bool:
    return is_held(operation, NOW_MS, HERE, lambda holder: holder in alive)


class TestHolder:
    @given(words, st.integers(0, 2**31), words)
    def test_it_is_read_back_from_a_lease(self, host: str, pid: int, started: str) -> None:
        holder = Holder(host, pid, started)
        assert parse_holder(str(holder)) == holder

    def test_it_names_host_process_and_start(self) -> None:
        assert str(HERE) == "this-host/100/s1"

    @pytest.mark.parametrize("text", ["", "host", "host/", "host/x/s", "/1/s", "host/²/s", "//"])
    def test_what_is_no_holder_is_none(self, text: str) -> None:
        assert parse_holder(text) is None

    def test_a_lease_may_say_more_or_less(self) -> None:
        assert parse_holder("host/7") == Holder("host", 7, "")
        assert parse_holder("host/7/s/thread") == Holder("host", 7, "s")


class TestHeld:
    @pytest.mark.parametrize("state", [State.PENDING, State.ROLLING_BACK])
    def test_by_a_live_process_until_the_lease_ends(self, state: State) -> None:
        for holder in NEIGHBOUR, ELSEWHERE:
            assert held(leased(holder, NOW_MS + 1, state), NEIGHBOUR)
            assert not held(leased(holder, NOW_MS, state), NEIGHBOUR)

    def test_by_nobody_once_a_process_of_this_host_is_dead(self) -> None:
        assert not held(leased(NEIGHBOUR, NOW_MS + 30_000))

    def test_by_a_process_elsewhere_that_nobody_here_can_see_until_the_lease_ends(self) -> None:
        assert held(leased(ELSEWHERE, NOW_MS + 1))

    def test_by_whoever_wrote_a_lease_that_cannot_be_read_until_it_ends(self) -> None:
        assert held(leased("an older version", NOW_MS + 1))
        assert not held(leased("an older version", NOW_MS))

    def test_by_nobody_without_a_lease(self) -> None:
        assert not held(replace(OPERATION, lease_owner=None, lease_until_ms=NOW_MS + 1))

    @pytest.mark.parametrize("state", sorted(set(State) - {State.PENDING, State.ROLLING_BACK}))
    def test_by_nobody_when_no_call_can_be_at_work(self, state: State) -> None:
        assert not held(leased(NEIGHBOUR, NOW_MS + 1, state), NEIGHBOUR)


class TestRetry:
    """A call without a key for the same thing: another intent, or a natural retry?"""

    def blocks(self, operation: Operation, *alive: Holder) -> bool:
        return blocks_a_retry(operation, NOW_MS, HERE, lambda holder: holder in alive)

    @pytest.mark.parametrize("state", [State.UNKNOWN, State.AWAITING_APPROVAL])
    def test_an_operation_that_is_not_decided_blocks_it(self, state: State) -> None:
        assert self.blocks(leased(NEIGHBOUR, NOW_MS + 1, state), NEIGHBOUR)
        assert self.blocks(replace(OPERATION, state=state))

    @pytest.mark.parametrize("state", [State.PENDING, State.ROLLING_BACK])
    def test_one_that_a_dead_process_left_blocks_it_and_one_at_work_does_not(
        self, state: State
    ) -> None:
        assert self.blocks(leased(NEIGHBOUR, NOW_MS + 1, state))
        assert self.blocks(leased(ELSEWHERE, NOW_MS, state))
        assert not self.blocks(leased(NEIGHBOUR, NOW_MS + 1, state), NEIGHBOUR)

    @pytest.mark.parametrize(
        "state",
        [State.OPEN, State.SUCCEEDED, State.FAILED, State.ROLLED_BACK, State.DENIED],
    )
    def test_one_that_is_settled_does_not(self, state: State) -> None:
        assert not self.blocks(leased(NEIGHBOUR, NOW_MS, state))


def test_a_run_knows_itself_as_it_was_read_and_one_commit_later() -> None:
    mine = replace(OPERATION, state=State.PENDING, lease_owner="host/1/5", created_ms=7, version=3)
    assert is_same_run(mine, mine)
    assert is_same_run(replace(mine, version=4), mine)
    assert not is_same_run(replace(mine, version=5), mine)
    assert not is_same_run(replace(mine, version=2), mine)
    assert not is_same_run(replace(mine, lease_owner="host/2/5"), mine)
    assert not is_same_run(replace(mine, created_ms=8), mine)
    # Whatever was decided of it stands.
    assert not is_same_run(replace(mine, state=State.ROLLING_BACK), mine)
