"""A key is found wherever it stands in whatever file; what stands for a key in a text is not."""

from __future__ import annotations

import base64
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.guard import scan
from stripe_billing_router.guard.keys import find_keys
from stripe_billing_router.guard.scan import scan_data, scan_file
from support.guarded import fake_key
from support.planted import holds_secrets

PREFIXES = {
    "sk_live_": "key-secret",
    "sk_test_": "key-secret",
    "rk_live_": "key-restricted",
    "rk_test_": "key-restricted",
    "pk_live_": "key-publishable",
    "pk_test_": "key-publishable",
    "sk_org_live_": "key-organization",
    "sk_org_test_": "key-organization",
    "sk_org_": "key-organization",
    "whsec_": "key-webhook",
}
NAMES = (
    ".env",
    "settings.toml",
    "values.yaml",
    "notes.md",
    "x.ipynb",
    "data.bin",
    "LICENSE",
    "a.sql",
)
keys = st.builds(fake_key, st.sampled_from(sorted(PREFIXES)), st.integers(), st.integers(24, 200))
# What may stand beside a key; letters and digits right behind it would belong to it.
around = st.binary(max_size=60)


def rules_of(data: bytes, name: str = "file") -> list[str]:
    return [finding.rule for finding in scan_data(data, Path(name), name).findings]


@given(keys, around, around, st.sampled_from(NAMES))
def test_a_key_anywhere_in_any_file_is_found(
    key: str, before: bytes, after: bytes, name: str
) -> None:
    found = scan_data(before + key.encode() + b" " + after, Path(name), name).findings
    kind = next(kind for prefix, kind in PREFIXES.items() if key.startswith(prefix))
    assert kind in {finding.rule for finding in found}
    line = before.count(b"\n") + 1
    column = len(before) - before.rfind(b"\n")
    assert (line, column) in {(finding.line, finding.column) for finding in found}


@given(keys, st.sampled_from(["utf-16", "utf-16-be", "utf-32", "utf-32-be"]))
def test_a_key_in_two_or_four_bytes_a_character_is_found(key: str, encoding: str) -> None:
    text = f"first\nSTRIPE_KEY={key}\nlast\n"
    (finding,) = scan_data(text.encode(encoding), Path("x.txt"), "x.txt").findings
    assert finding.line == 2


@given(keys)
def test_a_key_in_base64_as_in_a_secret_of_kubernetes_is_found(key: str) -> None:
    text = f"data:\n  stripe: {base64.b64encode(key.encode()).decode()}\n"
    (finding,) = scan_data(text.encode(), Path("secret.yaml"), "secret.yaml").findings
    assert finding.line == 2


ESCAPES = {
    "json": "\\u{:04x}",
    "json in json": "\\\\u{:04X}",
    "yaml": "\\x{:02x}",
    "javascript": "\\u{{{:x}}}",
    "url": "%{:02X}",
}


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
@given(keys, st.sampled_from(["", "_", "_skl", string.ascii_letters + string.digits + "_"]))
def test_a_key_with_characters_in_escapes_is_found_once_where_it_stands(
    escape: str, key: str, escaped: str
) -> None:
    written = "".join(escape.format(ord(each)) if each in escaped else each for each in key)
    data = f'{{"a": "%20",\n "key": "{written}", "b": "%zz"}}'.encode()
    (finding,) = scan_data(data, Path("x.js"), "x.js").findings
    kind = next(kind for prefix, kind in PREFIXES.items() if key.startswith(prefix))
    assert (finding.rule, finding.line, finding.column) == (kind, 2, 10)
    assert f"…{key[-4:]}" in finding.text


@given(keys, keys)
def test_no_message_shows_more_of_a_key_than_its_prefix_and_four_characters(
    key: str, other: str
) -> None:
    text = f'a = "{key}"\nb = "{other[:9]}" + "{other[9:]}"\n'
    for finding in scan_data(text.encode(), Path("x.py"), "x.py").findings:
        shown = f"{finding.text} {finding.subject} {finding!r}"
        for secret in (key, other):
            body = secret.rpartition("_")[2]
            assert not any(body[at : at + 5] in shown for at in range(len(body) - 4))


@pytest.mark.parametrize(
    "before", [" ", '"', "=", ":", "\\n", "%3D", "\\u003d", "\\x3d", "/", "_", "("]
)
def test_what_stands_before_a_key_does_not_hide_it(before: str) -> None:
    assert rules_of(f"{before}{fake_key('sk_live_', 1, 16)}".encode()) == ["key-secret"]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    "body",
    [
        "", "...", "…", "xxx", "123", "x" * 24, "0" * 24, "XXXXXXXXXXXXxxxxxxxxxxxx", "****1234",
        "your_secret_key", "YourSecretKey123456789", "EXAMPLE0123456789abcdef", "fake", "<key>",
        "${STRIPE_KEY}", "{{ key }}", "placeholder1234567890Ab", "abcdefghijklmnopqrstuvwx",
    ],
)  # fmt: skip
def test_what_stands_for_a_key_is_none(prefix: str, body: str) -> None:
    assert rules_of(f"STRIPE_KEY={prefix}{body}\n".encode()) == []


def test_one_random_key_in_very_many_falls_short() -> None:
    """The rule asks for two kinds of characters and eight different ones in 24."""
    drawn = [fake_key("sk_live_", seed) for seed in range(20_000)]
    assert all(list(find_keys(key.encode())) for key in drawn)


def test_a_key_in_a_file_of_any_size_is_found_also_where_two_parts_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_PART_BYTES", 20_000)
    key = fake_key("sk_live_", 7, 99)
    filling = "a line of a large file\n" * 4_000
    for at in range(19_900, 20_100, 13):
        file = holds_secrets(tmp_path) / "large.sql"
        file.write_text(f"{filling[:at]}\n{key}\n{filling}")
        (finding,) = scan_file(file, "large.sql").findings
        assert finding.line == filling[:at].count("\n") + 2


@pytest.mark.parametrize("at", [0, 19_999, 60_007])
@pytest.mark.parametrize("before", ["", "first\n", "x" * 20_000 + "\n"])
def test_a_key_in_a_large_file_without_newlines_is_found_in_its_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, at: int
) -> None:
    monkeypatch.setattr(scan, "_PART_BYTES", 20_000)
    keys = [fake_key("sk_live_", seed) for seed in (7, 8)]
    file = holds_secrets(tmp_path) / "large.json"
    file.write_text(f"{before}{' ' * at}{keys[0]} {keys[1]}{' ' * 30_000}")
    found = scan_file(file, "large.json").findings
    line = before.count("\n") + 1
    second = at + 2 + len(keys[0])
    assert [(each.line, each.column) for each in found] == [(line, at + 1), (line, second)]


def test_code_that_is_too_large_to_parse_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = holds_secrets(tmp_path) / "large.py"
    file.write_text(f"x = 1\n# {fake_key('rk_live_', 3)}\n" + "y = 2\n" * 4_000)
    for limit in ("PARSED_BYTES", "_PART_BYTES"):
        with monkeypatch.context() as patched:
            patched.setattr(scan, limit, 10_000)
            rules = {finding.rule for finding in scan_file(file, "large.py").findings}
            assert rules == {"key-restricted", "unparsable"}


def test_the_placeholders_of_our_own_pages_are_none() -> None:
    pages = Path(__file__).parent.parent.parent / "docs"
    assert [page.name for page in pages.glob("*.md") if list(find_keys(page.read_bytes()))] == []
