"""The ways past the router that the guard knows are found; what only looks like Stripe is not."""

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
UNSEEN = list(samples(HERE / "unseen.txt"))


def rules_of(text: str, name: str = "bot.py") -> list[str]:
    return [finding.rule for finding in scan_data(text.encode(), Path(name), name).findings]


@pytest.mark.parametrize(("name", "text"), BYPASSES, ids=[name for name, _ in BYPASSES])
def test_a_way_around_is_found_once_and_by_its_rule(name: str, text: str) -> None:
    assert rules_of(text) == [name.split(maxsplit=1)[0]]


def test_the_eleven_that_got_past_an_earlier_guard_are_among_them() -> None:
    assert sum("(B13)" in name for name, _ in BYPASSES) == 11
    assert len({name for name, _ in BYPASSES}) == len(BYPASSES) > 80


@pytest.mark.parametrize(("name", "text"), HARMLESS, ids=[name for name, _ in HARMLESS])
def test_what_only_looks_like_stripe_is_left_alone(name: str, text: str) -> None:
    assert rules_of(text) == []


@pytest.mark.parametrize(("name", "text"), UNSEEN, ids=[name for name, _ in UNSEEN])
def test_what_the_page_says_is_not_seen_is_not_seen(name: str, text: str) -> None:
    compile(text, name, "exec")
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
    "variables": lambda parts: "\n".join(
        [f"x{number} = {part!r}" for number, part in enumerate(parts)]
        + [f"call({' + '.join(f'x{number}' for number in range(len(parts)))})"]
    ),
    "f-string": lambda parts: "\n".join(
        [f"x{number} = {part!r}" for number, part in enumerate(parts)]
        + ["call(f'" + "".join(f"{{x{number}}}" for number in range(len(parts))) + "')"]
    ),
}


@pytest.mark.parametrize("way", WAYS)
@given(cuts=st.lists(st.integers(0, 99), min_size=1, max_size=8))
def test_texts_in_pieces_are_put_together(way: str, cuts: list[int]) -> None:
    build = WAYS[way]
    assert "http-stripe" in rules_of(build(pieces(ADDRESS, cuts)))
    code = build(pieces("stripe", cuts)).replace("call(", "__import__(")
    assert "import-stripe" in rules_of(code)
    key = build(pieces(fake_key("sk_live_", 5, 30), cuts))
    assert "key-secret" in rules_of(key)


def test_a_finding_says_where_it_is_and_what_to_do() -> None:
    text = 'import json\n\n\ndef pay():\n    return __import__("stripe")\n'
    (finding,) = scan_data(text.encode(), Path("bot.py"), "bots/bot.py").findings
    assert (finding.path, finding.line, finding.column) == ("bots/bot.py", 5, 12)
    for part in ("__import__", "stripe_billing_router"):
        assert part in finding.text


def test_a_finding_names_the_function_as_far_as_it_is_known() -> None:
    for code, name in (
        ("import importlib as tools\ntools.import_module('stripe')\n", "importlib.import_module"),
        ("tools().import_module('stripe')\n", "import_module"),
    ):
        (finding,) = scan_data(code.encode(), Path("bot.py"), "bot.py").findings
        assert finding.message == f"loads the Stripe SDK by {name}"


def test_an_address_that_is_used_often_is_reported_where_it_is_set() -> None:
    text = 'B = "https://api.stripe.com"\n\ndef f():\n    get(B + "/v1")\n    get(f"{B}/v2")\n'
    (finding,) = scan_data(text.encode(), Path("bot.py"), "bot.py").findings
    assert finding.line == 1


@pytest.mark.parametrize(
    "text",
    [
        "x = x + x\n__import__(x)\n",
        "a = b\nb = a\n__import__(a)\na('stripe')\n",
        "x0 = 'a' * 9 + 'b'\n"
        + "".join(f"x{n + 1} = x{n} + x{n}\n" for n in range(99))
        + "__import__(x99)\n",
        "x = 'a'\nx = 'b'\n__import__(" + " + ".join(["x"] * 99) + ")\n",
        "".join(f"x = x + 'a'\ny{n} = x\n" for n in range(300)) + "__import__(y299 + x)\n",
    ],
)
def test_texts_without_end_take_neither_for_ever_nor_all_memory(text: str) -> None:
    assert rules_of(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "__import__(" + "+".join(["x"] * 10_000) + ")\n",
        "".join(f"x{n} = x{n + 1} + 'a'\n" for n in range(3000)) + "x3000 = 'a'\n",
    ],
)
def test_what_is_nested_too_deeply_is_a_finding(text: str) -> None:
    assert rules_of(text) == ["unparsable"]
