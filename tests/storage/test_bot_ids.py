"""Operators write bot ids with the default domain or without; both mean the same bot."""

import pytest

from stripe_billing_router.core.bot_ids import matches, spellings


@pytest.mark.parametrize(
    ("bot_id", "expected"),
    [
        ("stripe:finance:bot", ("stripe:finance:bot", "finance:bot")),
        ("finance:bot", ("stripe:finance:bot", "finance:bot")),
        ("other:finance:bot", ("other:finance:bot",)),
        ("*", ("*",)),
    ],
)
def test_spellings(bot_id: str, expected: tuple[str, ...]) -> None:
    assert spellings(bot_id) == expected


@pytest.mark.parametrize(
    ("pattern", "covers"),
    [
        ("*", True),
        ("finance:*", True),
        ("stripe:finance:*", True),
        ("finance:b?t", True),
        ("finance:[ab]ot", True),
        ("finance:bot", True),
        ("finance", False),
        ("Finance:bot", False),
        ("growth:*", False),
        ("other:finance:bot", False),
    ],
)
def test_patterns(pattern: str, covers: bool) -> None:
    assert matches(pattern, "stripe:finance:bot") == covers
