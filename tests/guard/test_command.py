"""The command: what it prints, what may be allowed, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

from stripe_billing_router.guard.check import check
from stripe_billing_router.guard.config import find_config
from stripe_billing_router.guard.findings import RULES
from support.guarded import fake_key, git, write
from support.terminal import COMMAND, in_terminal

Run = Callable[..., Result]
ROOT = Path(__file__).parent.parent.parent
IMPORT = "import stripe\n"
ONE = "# billing-guard: allow[import-stripe] one\n"
KEY = fake_key("sk_live_", 11, 99)


def rules(result: Result) -> list[str]:
    return [line.split()[1] for line in result.stdout.splitlines()]


# --- what it prints -------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_a_finding_is_one_line_and_says_what_to_do(guard: Run) -> None:
    write("bots/pay.py", f'import os\n\nKEY = "{KEY}"\n')
    result = guard("bots", status=1)
    (line,) = result.stdout.splitlines()
    assert line.startswith("bots/pay.py:3:8 key-secret ")
    assert f"sk_live_…{KEY[-4:]}" in line
    assert result.stderr == "1 finding in 1 file.\n"


@pytest.mark.usefixtures("folder")
def test_without_findings_it_is_silent_on_stdout(guard: Run) -> None:
    write("x.py", "x = 1\n")
    result = guard("x.py", status=0)
    assert (result.stdout, result.stderr) == ("", "Nothing found in 1 file.\n")


def test_in_a_terminal_it_reads_well(folder: Path) -> None:
    write("x.py", IMPORT)
    screen = in_terminal(["guard", "."], {"PATH": "/usr/bin:/bin"}, columns=60)
    assert screen.status == 1
    assert "x.py:1:1 import-stripe imports stripe." in " ".join(screen.text.split())


@pytest.mark.usefixtures("folder")
def test_json_lines_hold_each_field(guard: Run) -> None:
    write("x.py", IMPORT)
    (line,) = guard(".", "--format", "jsonl", status=1).stdout.splitlines()
    fields = json.loads(line)
    assert fields.keys() == {"path", "line", "column", "rule", "message"}
    assert (fields["path"], fields["line"], fields["rule"]) == ("x.py", 1, "import-stripe")


@pytest.mark.usefixtures("folder")
def test_sarif_has_what_version_2_1_0_asks_for(guard: Run) -> None:
    write("my bots/ü.py", f"{IMPORT}KEY = '{KEY}'\n")
    text = guard(".", "--format", "sarif", status=1).stdout
    log: dict[str, Any] = json.loads(text)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"]
    assert [rule["id"] for rule in driver["rules"]] == list(RULES)
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    assert len(run["results"]) == 2
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["message"]["text"]
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"] == {
            "uri": "my%20bots/%C3%BC.py",
            "uriBaseId": "%SRCROOT%",
        }
        assert physical["region"]["startLine"] >= 1
        assert physical["region"]["startColumn"] >= 1
        assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
    assert KEY[8:16] not in text


@pytest.mark.usefixtures("folder")
def test_sarif_without_findings_is_a_run_without_results(guard: Run) -> None:
    write("x.py", "x = 1\n")
    log = json.loads(guard(".", "--format", "sarif", status=0).stdout)
    assert log["runs"][0]["results"] == []


# --- wrong use ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "arguments", [(), ("missing.py",), (".", "--format", "xml"), (".", "--baseline", "missing")]
)
def test_wrong_use_ends_with_2(guard: Run, arguments: tuple[str, ...]) -> None:
    guard(*arguments, status=2)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("content", ["", "{}", "[]", '{"version": 9, "findings": []}', "\xff",
                                     '{"version": 1, "findings": [{"rule": 1}]}'])  # fmt: skip
def test_a_baseline_that_is_none_ends_with_2(guard: Run, content: str) -> None:
    write(".billing-guard-baseline.json", content)
    write("pyproject.toml")
    assert "baseline" in guard("pyproject.toml", status=2).stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "content",
    [
        "[tool.billing-guard\n",
        "[tool.billing-guard]\nexclude = ['x']\n",
        "[tool.billing-guard]\nallow = 'x'\n",
        "[[tool.billing-guard.allow]]\npath = 'x'\nrules = ['import-stripe']\n",
        "[[tool.billing-guard.allow]]\npath = 'x'\nrules = ['import-stripe']\nreason = ' '\n",
        "[[tool.billing-guard.allow]]\npath = 'x'\nrules = []\nreason = 'because'\n",
        "[[tool.billing-guard.allow]]\npath = 'x'\nrules = ['import']\nreason = 'because'\n",
        "[[tool.billing-guard.allow]]\npath = 'x'\nrules = ['unused-allow']\nreason = 'because'\n",
    ],
)
def test_a_configuration_that_says_nothing_clear_ends_with_2(guard: Run, content: str) -> None:
    write("pyproject.toml", content)
    assert "Invalid value" in guard(".", status=2).stderr


# --- allows beside the line -----------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("x.py", "import stripe  # billing-guard: allow[import-stripe] the gateway itself\n"),
        ("x.py", "# billing-guard: allow[import-stripe] the gateway itself\nimport stripe\n"),
        ("x.py", "if x:\n    # billing-guard: allow[import-stripe] mine\n    import stripe\n"),
        (".env", f"KEY={KEY} # billing-guard: allow[key-secret] nobody's\n"),
        ("a.sql", f"SELECT '{KEY}' -- billing-guard: allow[key-secret] nobody's\n"),
        ("a.html", f"<!-- billing-guard: allow[key-secret] nobody's -->\n<b>{KEY}</b>\n"),
        ("a.js", f"/* billing-guard: allow[key-secret] nobody's */ const a = '{KEY}'\n"),
        ("a.ini", f"; billing-guard: allow[key-secret] nobody's\nkey = {KEY}\n"),
        ("a.py", f"{ONE.replace('[', '[key-secret, ')}import stripe; '{KEY}'\n"),
        ("a.py", f"{ONE}# billing-guard: allow[key-secret] two\nimport stripe; k='{KEY}'\n"),
    ],
)  # fmt: skip
def test_an_allow_with_a_reason_allows_what_it_names_there(
    guard: Run, path: str, text: str
) -> None:
    write(path, text)
    guard(".", status=0)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "allow",
    [
        "# billing-guard: allow[import-stripe]",
        "# billing-guard: allow[import-stripe] -",
        "# billing-guard: allow[import-stripe] ok",
        "# billing-guard: allow",
        "# billing-guard: allow because I say so",
        "# billing-guard: allow[] because I say so",
        "# billing-guard: allow[everything] because I say so",
        "# billing-guard: allow[unused-allow] because I say so",
        "# billing-guard: ignore[import-stripe] because I say so",
    ],
)
def test_an_allow_without_reason_or_rule_allows_nothing_and_is_a_finding(
    guard: Run, allow: str
) -> None:
    write("x.py", f"import stripe  {allow}\n")
    assert sorted(rules(guard(".", status=1))) == ["allow-without-reason", "import-stripe"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "text",
    [
        "x = 1  # billing-guard: allow[import-stripe] there was one\n",
        "# billing-guard: allow[import-stripe] there was one\n",
        "import stripe  # billing-guard: allow[import-stripe, key-secret] the gateway\n",
    ],
)
def test_an_allow_that_allows_nothing_is_a_finding(guard: Run, text: str) -> None:
    write("x.py", text)
    assert rules(guard(".", status=1)) == ["unused-allow"]


@pytest.mark.usefixtures("folder")
def test_a_page_may_talk_about_allows(guard: Run) -> None:
    write("page.md", f"Write\n\n    # billing-guard: allow[key-secret] why\n\n{KEY}\n")
    assert rules(guard(".", status=1)) == ["key-secret"]
    write("page.md", f"<!-- billing-guard: allow[key-secret] nobody's -->\n{KEY}\n")
    guard(".", status=0)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "text",
    [
        'import stripe; x = "# billing-guard: allow[import-stripe] in a text"\n',
        "# billing-guard: allow[import-stripe] too far away\n\n\nimport stripe\n",
        "import stripe\n# billing-guard: allow[import-stripe] behind it\n",
    ],
)
def test_an_allow_elsewhere_allows_nothing(guard: Run, text: str) -> None:
    write("x.py", text)
    assert "import-stripe" in rules(guard(".", status=1))


# --- allows for files -----------------------------------------------------------------------------


ALLOW = """
[[tool.billing-guard.allow]]
path = "src/**/gateway_*.py"
rules = ["import-stripe"]
reason = "the one place that talks to Stripe"
"""


@pytest.mark.usefixtures("folder")
def test_the_project_may_say_where_stripe_is_used(
    guard: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("pyproject.toml", ALLOW)
    write("src/gateway_a.py", IMPORT)
    write("src/a/b/gateway_b.py", IMPORT)
    guard(".", status=0)
    write("src/gateway_a/x.py", IMPORT)
    write("src/a/gateway_c.py", f"KEY = '{KEY}'\n")
    assert sorted(rules(guard(".", status=1))) == ["import-stripe", "key-secret"]
    monkeypatch.chdir("src/a")
    guard("b", status=0)


@pytest.mark.usefixtures("folder")
def test_an_allow_that_covers_nothing_is_found_when_all_is_looked_at(guard: Run) -> None:
    write("pyproject.toml", ALLOW)
    write("src/x.py", "x = 1\n")
    assert rules(guard(".", status=1)) == ["unused-allow"]
    guard("src", status=0)


# --- the baseline ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("repository")
def test_what_the_baseline_knows_is_no_finding_wherever_it_moves(guard: Run) -> None:
    file = write("old.py", f"import stripe\nKEY = '{KEY}'\n")
    guard("--write-baseline", ".", status=0)
    baseline = Path(".billing-guard-baseline.json").read_text()
    assert KEY[8:20] not in baseline
    assert "2 known" in guard(".", status=0).stderr
    write(
        "old.py", "import json\n\n\n" + file.read_text().replace("import stripe", "import  stripe")
    )
    guard(".", status=0)
    write("old.py", file.read_text() + f"OTHER = '{fake_key('sk_live_', 12)}'\n")
    assert rules(guard(".", status=1)) == ["key-secret"]


@pytest.mark.usefixtures("repository")
def test_once_known_is_known_once(guard: Run) -> None:
    write("old.py", IMPORT)
    guard("--write-baseline", ".", status=0)
    write("old.py", IMPORT * 2)
    assert rules(guard(".", status=1)) == ["import-stripe"]
    write("new.py", IMPORT)
    assert len(rules(guard(".", status=1))) == 2, "another file is another finding"


@pytest.mark.usefixtures("repository")
def test_an_entry_that_is_found_no_more_is_a_finding_where_its_file_was_looked_at(
    guard: Run,
) -> None:
    write("a/old.py", IMPORT)
    write("b/old.py", IMPORT)
    guard("--write-baseline", ".", status=0)
    write("a/old.py", "x = 1\n")
    assert rules(guard("a", status=1)) == ["stale-baseline"]
    assert rules(guard("a/old.py", status=1)) == ["stale-baseline"]
    guard("b", status=0)
    Path("b/old.py").unlink()
    assert rules(guard(".", status=1)) == ["stale-baseline"] * 2
    guard("--write-baseline", ".", status=0)
    guard(".", status=0)


@pytest.mark.usefixtures("repository")
def test_the_baseline_takes_no_mark_that_is_wrong(guard: Run) -> None:
    write("x.py", "x = 1  # billing-guard: allow[import-stripe] there was one\n")
    guard("--write-baseline", ".", status=0)
    assert rules(guard(".", status=1)) == ["unused-allow"]


@pytest.mark.usefixtures("repository")
def test_a_baseline_of_another_name(guard: Run) -> None:
    write("x.py", IMPORT)
    guard("--write-baseline", "--baseline", "known.json", "x.py", status=0)
    guard("--baseline", "known.json", "x.py", status=0)
    guard("x.py", status=1)


# --- as it is used --------------------------------------------------------------------------------


def test_it_loads_nothing_that_could_reach_stripe_or_a_database(folder: Path) -> None:
    write("x.py", IMPORT)
    code = (
        "import sys; from stripe_billing_router.cli import main\n"
        "sys.argv = ['stripe-billing-router', 'guard', 'x.py']\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, *sorted(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    status, *loaded = done.stdout.splitlines()[-1].split()
    assert status == "1"
    assert "stripe_billing_router.guard.python" in loaded
    assert {"stripe", "hvac", "sqlalchemy", "requests", "yaml"} & set(loaded) == set()


@pytest.mark.usefixtures("repository")
def test_the_hook_that_pre_commit_would_run_stops_a_commit() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *arguments = hook["entry"].split()
    assert program == "stripe-billing-router"
    write("good.py", "x = 1\n")
    write("bad.py", IMPORT)
    git("add", ".")
    # In a hook, git says which index is meant, and pre-commit names the files.
    environment = {"PATH": "/usr/bin:/bin", "GIT_INDEX_FILE": ".git/index", "GIT_DIR": ".git"}
    for files, status in ((["good.py"], 0), (["good.py", "bad.py"], 1)):
        command = [*COMMAND, *arguments, *files]
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        assert done.returncode == status, done.stderr


def test_this_repository_holds_to_its_own_guard() -> None:
    # In this process: the tests run on all cores already.
    report = check([ROOT], find_config(ROOT), processes=1)
    assert report.findings == ()
    assert report.files > 300
    assert report.notes == ()
