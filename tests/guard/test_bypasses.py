"""Every known way around the guard is found, and what only looks like Stripe is not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.guard.scan import scan_data
from support.guarded import fake_key, samples

ADDRESS = "https://api.stripe.com/v1/charges"
HERE = Path(__file__).parent
BYPASSES = list(samples(HERE / "corpus.txt"))
HARMLESS = list(samples(HERE / "harmless.txt"))


def rules_of(text: str, name: str = "bot.py") -> list[str]:
    return [finding.rule for finding in scan_data(text.encode(), Path(name), name).findings]


@pytest.mark.parametrize(("name", "text"), BYPASSES, ids=[name for name, _ in BYPASSES])
def test_a_way_around_is_found_once_and_by_its_rule(name: str, text: str) -> None:
    assert rules_of(text) == [name.split(maxsplit=1)[0]]


def test_the_eleven_that_got_past_an_earlier_guard_are_among_them() -> None:
    assert sum("(B13)" in name for name, _ in BYPASSES) == 11
    assert len({name for name, _ in BYPASSES}) == len(BYPASSES) > 100


@pytest.mark.parametrize(("name", "text"), HARMLESS, ids=[name for name, _ in HARMLESS])
def test_what_only_looks_like_stripe_is_left_alone(name: str, text: str) -> None:
    assert rules_of(text) == []


def pieces(text: str, cuts: list[int]) -> list[str]:
    ends = [0, *sorted(cut % len(text) for cut in cuts), len(text)]
    return [text[start:end] for start, end in pairwise(ends)]


def quoted(parts: list[str]) -> list[str]:
    return [repr(part) for part in parts]


# Each puts texts together in its own way.
WAYS: dict[str, Callable[[list[str]], str]] = {
    "plus": lambda parts: f"call({' + '.join(quoted(parts))})",
    "side by side": lambda parts: f"call({' '.join(quoted(parts))})",
    "join": lambda parts: f"call(''.join([{', '.join(quoted(parts))}]))",
    "percent": lambda parts: f"call({'%s' * len(parts)!r} % ({', '.join(quoted(parts))},))",
    "format": lambda parts: f"call({'{}' * len(parts)!r}.format({', '.join(quoted(parts))}))",
    "variables": lambda parts: "\n".join(
        [f"x{number} = {part!r}" for number, part in enumerate(parts)]
        + [f"call({' + '.join(f'x{number}' for number in range(len(parts)))})"]
    ),
    "f-string": lambda parts: "\n".join(
        [f"x{number} = {part!r}" for number, part in enumerate(parts)]
        + ["call(f'" + "".join(f"{{x{number}}}" for number in range(len(parts))) + "')"]
    ),
    "grown": lambda parts: "\n".join(
        [f"x = {parts[0]!r}", *(f"x += {part!r}" for part in parts[1:]), "call(x)"]
    ),
    "backwards": lambda parts: f"call(({' + '.join(quoted(parts))})[::-1][::-1])",
    "numbers": lambda parts: f"call(bytes({list(''.join(parts).encode())}).decode())",
}


@pytest.mark.parametrize("way", WAYS)
@given(cuts=st.lists(st.integers(0, 99), min_size=1, max_size=8))
def test_texts_in_pieces_are_put_together(way: str, cuts: list[int]) -> None:
    build = WAYS[way]
    assert "http-stripe" in rules_of("import requests\n" + build(pieces(ADDRESS, cuts)))
    code = build(pieces("stripe", cuts)).replace("call(", "__import__(")
    assert "import-stripe" in rules_of(code)
    key = build(pieces(fake_key("sk_live_", 5, 30), cuts))
    assert "key-secret" in rules_of("import requests\n" + key)


def test_a_finding_says_where_it_is_and_what_to_do() -> None:
    text = 'import json\n\n\ndef pay():\n    return __import__("stripe")\n'
    (finding,) = scan_data(text.encode(), Path("bot.py"), "bots/bot.py").findings
    assert (finding.path, finding.line, finding.column) == ("bots/bot.py", 5, 12)
    assert finding.text == (
        "loads the Stripe SDK by __import__. "
        "Call stripe_billing_router (charge, refund, …) instead."
    )


def test_an_address_that_is_used_often_is_reported_where_it_is_set() -> None:
    text = 'B = "https://api.stripe.com"\n\ndef f():\n    get(B + "/v1")\n    get(f"{B}/v2")\n'
    (finding,) = scan_data(text.encode(), Path("bot.py"), "bot.py").findings
    assert finding.line == 1


@pytest.mark.parametrize(
    "text",
    [
        "x = x + x\nget(x)\n",
        "a = b\nb = a\n__import__(a)\n",
        "def f(x):\n    return f(f(x))\n__import__(f('a'))\n",
        "".join(f"x = x + x + {n}\n" for n in range(300)) + "__import__(x)\n",
        "x = 'a' * 10**9\ny = '{:>999999999}'.format('b') + '%999999999d' % 1\n__import__(y)\n",
        "__import__(" + "+".join(["'a'"] * 400) + ")\n",
        "x = [[[y for y in 'abc'] for z in 'abc' * 99] for w in 'abc' * 99]\n__import__(x)\n",
        "x = ''.join(''.join(c + d for d in 'abcdefgh') for c in 'abcdefgh')\n__import__(x)\n",
    ],
)
def test_what_cannot_be_worked_out_takes_neither_for_ever_nor_all_memory(text: str) -> None:
    assert rules_of(text) == []


def test_what_is_nested_too_deeply_is_a_finding() -> None:
    text = "__import__(" + "+".join(["x"] * 3000) + ")\n"
    assert rules_of(text) == ["unparsable"]
