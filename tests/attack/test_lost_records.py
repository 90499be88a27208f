"""An outcome that nobody knows, and that can be written nowhere: the bot simply calls again."""

from collections.abc import Iterator

import pytest

from stripe_billing_router import OperationInProgressError, OutcomeUnknownError
from support.mortal import Moment, World
from support.platform import BOT


@pytest.fixture
def world() -> Iterator[World]:
    built = World()
    try:
        yield built
    finally:
        built.close()


@pytest.mark.parametrize("after_s", [0, 20, 40])
def test_the_natural_retry_of_a_charge_whose_end_was_lost_does_not_pay_again(
    world: World, after_s: float
) -> None:
    bot = world.start_process()
    bot.charge(BOT, 5)
    files, aside = world.folder / "host0", world.folder / "aside"

    def meanwhile() -> None:
        world.database_away = True
        files.rename(aside)
        files.write_text("in the way")

    world.sandbox.faults.lose_reply(method="POST", times=None)
    world.meanwhile = meanwhile
    world.process_of(bot).moment = Moment("waits_after", 1)
    with pytest.raises(OutcomeUnknownError) as unknown:
        bot.charge(BOT, 10)
    assert "records_lost" in dict(world.alerts)

    world.sandbox.faults.clear()
    files.unlink()
    aside.rename(files)
    world.database_away = False
    world.pass_time(after_s)
    with pytest.raises(OperationInProgressError) as refused:
        bot.charge(BOT, 10)
    assert refused.value.idempotency_key == unknown.value.idempotency_key
    world.pass_time(40)
    assert bot.charge(BOT, 10, idempotency_key=unknown.value.idempotency_key).paid
    assert world.sandbox.captured_minor() == 1500
    assert not bot.charge(BOT, 10).replayed  # It is settled, so this is another purchase.
