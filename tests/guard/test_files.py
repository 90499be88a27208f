"""Which files are looked at, and what becomes of those that cannot be."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from stripe_billing_router.guard.scan import scan_file
from support.guarded import fake_key, git, write

Run = Callable[..., Result]
IMPORT = "import stripe\n"


def paths(result: Result) -> list[str]:
    return [line.partition(":")[0] for line in result.stdout.splitlines()]


def rules(result: Result) -> list[str]:
    return [line.split()[1] for line in result.stdout.splitlines()]


@pytest.mark.usefixtures("repository")
def test_what_git_ignores_is_left_out_as_git_takes_it(guard: Run) -> None:
    write(".gitignore", "*.log\n/build/\n!keep.log\n")
    write("deep/.gitignore", "local.py\n")
    write(".git/info/exclude", "private/\n")
    ignored = ("a.log", "build/x.py", "deep/local.py", "private/x.py")
    seen = ("keep.log", "deep/x.py", "local.py", ".hidden/x.py", ".env", "tests/test_x.py")
    for path in (*ignored, *seen):
        write(path, IMPORT if path.endswith(".py") else f"KEY={fake_key('sk_live_', 1)}\n")
    assert sorted(paths(guard(".", status=1))) == sorted(seen)
    assert sorted(paths(guard(".", "--ignored", status=1))) == sorted(seen + ignored)


@pytest.mark.usefixtures("repository")
def test_a_file_that_is_tracked_is_looked_at_though_a_pattern_matches_it(guard: Run) -> None:
    write(".gitignore", ".env\n")
    write(".env", f"KEY={fake_key('sk_live_', 1)}\n")
    assert paths(guard(".", status=0)) == []
    git("add", "--force", ".env")
    assert paths(guard(".", status=1)) == [".env"]


@pytest.mark.usefixtures("repository")
def test_what_is_named_is_looked_at_whatever_git_says(guard: Run) -> None:
    write(".gitignore", "local/\n")
    write("local/x.py", IMPORT)
    assert paths(guard("local/x.py", status=1)) == ["local/x.py"]
    assert paths(guard("local", status=1)) == ["local/x.py"]


@pytest.mark.usefixtures("repository")
def test_a_file_that_is_deleted_but_tracked_is_nothing_to_look_at(guard: Run) -> None:
    write("x.py", IMPORT)
    git("add", "x.py")
    Path("x.py").unlink()
    assert paths(guard(".", status=0)) == []


@pytest.mark.usefixtures("repository")
def test_a_repository_within_is_looked_at_by_its_own_rules(guard: Run) -> None:
    git("init", "--quiet", "inner")
    write("inner/.gitignore", "local.py\n")
    write("inner/local.py", IMPORT)
    write("inner/x.py", IMPORT)
    assert paths(guard(".", status=1)) == ["inner/x.py"]


@pytest.mark.usefixtures("folder")
def test_without_a_repository_all_is_looked_at_but_gits_own_files(guard: Run) -> None:
    write(".gitignore", "x.py\n")
    write("x.py", IMPORT)
    git("init", "--quiet", "inner")
    write("inner/.git/hooks/pre-commit.py", IMPORT)
    write("inner/y.py", IMPORT)
    assert paths(guard(".", status=1)) == ["inner/y.py", "x.py"]


@pytest.mark.usefixtures("repository")
def test_where_git_is_missing_all_is_looked_at_and_said_so(
    guard: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(".gitignore", "x.py\n")
    write("x.py", IMPORT)
    monkeypatch.setenv("PATH", "")
    result = guard(".", status=1)
    assert paths(result) == ["x.py"]
    assert "Git cannot say" in result.stderr


@pytest.mark.usefixtures("repository")
def test_a_repository_cannot_have_its_own_program_started(guard: Run) -> None:
    program = write("monitor", "#!/bin/sh\ntouch started\n")
    program.chmod(0o755)
    git("config", "core.fsmonitor", str(program.absolute()))
    guard(".", status=0)
    assert not Path("started").exists()


@pytest.mark.usefixtures("folder")
def test_links_are_not_followed_but_counted(
    guard: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.py").write_text(IMPORT)
    Path("away").symlink_to(outside)
    Path("away.py").symlink_to(outside / "x.py")
    Path("round").symlink_to(".")
    result = guard(".", status=0)
    assert "3 links not followed" in result.stderr
    assert paths(guard("away.py", status=1)) == ["away.py"], "it is named"


@pytest.mark.usefixtures("folder")
def test_a_file_twice_among_the_paths_is_looked_at_once(guard: Run) -> None:
    write("a/x.py", IMPORT)
    assert paths(guard(".", "a", "a/x.py", "a/../a/x.py", status=1)) == ["a/x.py"]


@pytest.mark.usefixtures("folder")
def test_a_file_that_cannot_be_read_is_a_finding(guard: Run) -> None:
    # Nobody may have it, root neither: the system refuses to read from its beginning.
    found = scan_file(Path("/proc/self/mem"), "x.py").findings
    assert [finding.rule for finding in found] == ["unreadable"]
    if os.geteuid() != 0:
        write("x.py", "x = 1\n").chmod(0)
        assert rules(guard(".", status=1)) == ["unreadable"]


@pytest.mark.usefixtures("folder")
def test_what_is_no_regular_file_is_a_finding_and_is_not_waited_for(guard: Run) -> None:
    os.mkfifo("pipe.py")
    assert stat.S_ISFIFO(Path("pipe.py").stat().st_mode)
    result = guard(".", status=1)
    assert rules(result) == ["unreadable"]
    assert "not a regular file" in result.stdout


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "content",
    [
        b"def pay(:\n",
        b"print 'python 2'\n",
        b"x = '\xff\xfe'\n",
        b"# coding: klingon\nx = 1\n",
        b"x = 1\n\0",
        "x = 1\n".encode("utf-16"),
        b"(" * 5_000 + b")" * 5_000,
    ],
)
def test_python_that_cannot_be_parsed_is_a_finding_and_its_keys_are_found(
    guard: Run, content: bytes
) -> None:
    write("x.py", content)
    assert rules(guard(".", status=1)) == ["unparsable"]
    write("x.py", content + b"\n# " + fake_key("whsec_", 1).encode())
    assert sorted(rules(guard("x.py", status=1))) == ["key-webhook", "unparsable"]


@pytest.mark.usefixtures("folder")
def test_python_in_another_encoding_is_read_as_python_reads_it(guard: Run) -> None:
    write("latin.py", "# coding: latin-1\nname = 'Ã©'\nimport stripe\n".encode("latin-1"))
    write("seven.py", b"# coding: utf-7\n+AGkAbQBwAG8AcgB0- +AHMAdAByAGkAcABl-\n")
    write("mark.py", b"\xef\xbb\xbfimport stripe\n")
    assert rules(guard(".", status=1)) == ["import-stripe"] * 3


@pytest.mark.usefixtures("folder")
def test_a_program_without_a_suffix_is_known_by_its_first_line(guard: Run) -> None:
    write("pay", "#!/usr/bin/env python3\nimport stripe\n")
    write("call", "#!/bin/bash\ncurl https://api.stripe.com/v1/charges\n")
    write("fast.pyx", "#!/usr/bin/env python3\ncdef int pay(): ...\n")
    write("notes", "import stripe, or curl https://api.stripe.com\n")
    result = guard(".", status=1)
    assert list(zip(paths(result), rules(result), strict=True)) == [
        ("call", "shell-stripe"),
        ("pay", "import-stripe"),
    ]


@pytest.mark.usefixtures("folder")
def test_of_a_pth_file_the_lines_count_that_python_runs(guard: Run) -> None:
    write("a.pth", "# import stripe\n../lib\nimport os; __import__('str' + 'ipe')\n")
    write("b.pth", "\ufeffimport\tstripe\r\n")
    write("c.pth", "/opt/stripe\nstripe\n import stripe\nimportstripe\n")
    write("weights.pth", b"PK\x03\x04\0\0\nimport stripe\n")
    result = guard(".", status=1)
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["a.pth:3:12", "import-stripe"],
        ["b.pth:1:1", "import-stripe"],
    ]


@pytest.mark.usefixtures("folder")
def test_a_binary_file_is_looked_through_for_keys_and_counted(guard: Run) -> None:
    write("a.so", b"\x7fELF\0\0" + fake_key("sk_live_", 3, 99).encode() + b"\0\xff")
    result = guard(".", status=1)
    assert rules(result) == ["key-secret"]
    assert "1 binary" in result.stderr


@pytest.mark.usefixtures("folder")
def test_names_that_are_no_text_are_no_trouble(guard: Run) -> None:
    name = b"caf\xe9\n\x1b[31m.py"
    with open(name, "wb") as file:  # noqa: PTH123 - A name of bytes.
        file.write(IMPORT.encode())
    result = guard(".", status=1)
    assert len(result.stdout.splitlines()) == 1
    assert "\x1b" not in result.stdout
    assert guard(".", "--format", "sarif", status=1).stdout


@pytest.mark.usefixtures("folder")
def test_an_empty_folder_is_said_to_be_empty(guard: Run) -> None:
    assert "Nothing was checked" in guard(".", status=0).stderr


@pytest.mark.usefixtures("folder")
def test_many_files_in_several_processes_are_reported_in_order(guard: Run) -> None:
    for number in range(450):
        write(f"x{number:03}.py", IMPORT if number % 9 == 0 else "x = 1\n")
    found = paths(guard(".", status=1))
    assert found == [f"x{number:03}.py" for number in range(0, 450, 9)]
