"""Kill bots by the thousand, on SQLite and PostgreSQL, and count what was paid: `make chaos`.

Rounds follow each other, each with a Stripe and a database of its own, so that a violation is
found soon and in a small place. With the same seed the same bots buy the same; the moments of the
kills are drawn from it too, but what they hit is up to the machine.
"""

import argparse
import itertools
import platform
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.killing import Outcome, Round, play
from support.postgres import Server, running_postgres

# Recovered while operations are young, and when nothing of them may be sent again.
AFTER_HOURS = (0.0, 30.0)


def main() -> int:
    """Play the rounds; return 1 if anything was violated."""
    options = _options()
    started_s = time.monotonic()
    databases = ["sqlite", "postgresql"] if options.database == "both" else [options.database]
    totals = {database: Outcome() for database in databases}
    with ExitStack() as stack:
        server = stack.enter_context(running_postgres()) if "postgresql" in databases else None
        kinds = itertools.cycle(itertools.product(AFTER_HOURS, databases))
        killed, number = 0, 0
        while killed < options.kills and (
            options.minutes is None or time.monotonic() - started_s < 60 * options.minutes
        ):
            after_h, database = next(kinds)
            chosen = Round(
                min(options.round, options.kills - killed),
                seed=options.seed + number,
                lanes=options.lanes,
                recovered_after_h=after_h,
            )
            outcome = _play(chosen, server if database == "postgresql" else None, killed, options)
            for violation in outcome.violations:
                print(f"\nseed {chosen.seed} on {database}, {after_h:g} h: {violation}")
            outcome.counts["rounds"] = 1
            totals[database].add(outcome)
            killed += outcome.counts["kills"]
            number += 1
    _report(totals, time.monotonic() - started_s, options)
    return 1 if any(outcome.violations for outcome in totals.values()) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("kills", type=int, nargs="?", default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--lanes", type=int, default=3, help="bots at work at the same time")
    parser.add_argument("--round", type=int, default=500, help="kills in a round")
    parser.add_argument("--minutes", type=float, help="begin no round after so many minutes")
    parser.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    return parser.parse_args()


def _play(
    chosen: Round, server: Server | None, before: int, options: argparse.Namespace
) -> Outcome:
    def progress(kills: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{before + kills} of {options.kills} kills", end="", file=sys.stderr)

    outcome = play(chosen, server, progress)
    print(
        f"round {chosen.seed}: {before + outcome.counts['kills']} of {options.kills} kills, "
        f"{outcome.counts['operations']} operations, {len(outcome.violations)} violations",
        file=sys.stderr,
        flush=True,
    )
    return outcome


def _report(totals: dict[str, Outcome], took_s: float, options: argparse.Namespace) -> None:
    everything = Outcome()
    for outcome in totals.values():
        everything.add(outcome)
    columns = [*totals.items(), ("both", everything)] if len(totals) > 1 else [*totals.items()]
    print(f"\nseed {options.seed}, {options.lanes} lanes, {took_s / 60:.0f} minutes, ", end="")
    print(f"Python {platform.python_version()} on {platform.system()}\n")
    print("| counted |", " | ".join(name for name, _ in columns), "|")
    print("|---|", "---|" * len(columns), sep="")
    for name in sorted(everything.counts):
        print(f"| {name} |", " | ".join(f"{o.counts[name]}" for _, o in columns), "|")
    print("| violations |", " | ".join(f"{len(o.violations)}" for _, o in columns), "|")


if __name__ == "__main__":
    sys.exit(main())
