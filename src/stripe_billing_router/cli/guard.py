"""`guard`: find Stripe keys and direct use of Stripe in files that are not the router's own."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from .output import console, plural, print_line, safe, say

if TYPE_CHECKING:
    from ..guard.check import Report
    from ..guard.config import Config
    from ..guard.findings import Finding


class Form(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSONL = "jsonl"
    SARIF = "sarif"


def guard(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            exists=True,
            help="Files and folders. What git ignores in a folder is left out; a file that is "
            "named is always looked at.",
        ),
    ],
    form: Annotated[Form, typer.Option("--format", help="How to write the findings.")] = Form.TEXT,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Findings that are known. Default: .billing-guard-baseline.json, beside "
            "pyproject.toml or .git, if there is one.",
        ),
    ] = None,
    write: Annotated[
        bool,
        typer.Option("--write-baseline", help="Write all that is found into the baseline instead."),
    ] = False,
    ignored: Annotated[
        bool, typer.Option("--ignored", help="Look at what git ignores as well.")
    ] = False,
) -> None:
    """Find Stripe keys and direct use of Stripe in code that should go through the router.

    Keys are looked for in every file; imports of the SDK, calls to Stripe's API and commands such
    as curl in Python, notebooks and shell scripts. Nothing is imported or run, and no key is shown.

    The exit status is 0 if nothing is found, 1 if something is, a file that cannot be read or
    parsed included, and 2 for wrong use.
    """
    from ..guard import baseline as known  # noqa: PLC0415 - For --help.
    from ..guard.check import check  # noqa: PLC0415 - As above.
    from ..guard.config import ConfigError, find_config  # noqa: PLC0415 - As above.

    try:
        config = find_config(Path.cwd())
        file = baseline or config.root / known.NAME
        entries = None
        if not write and (baseline is not None or file.exists()):
            entries = known.read_baseline(file)
        name = _shown(os.path.relpath(file, config.root), config)
        report = check(paths, config, baseline=entries, baseline_name=name, with_ignored=ignored)
        if write:
            count = known.write_baseline(file, report.findings)
            say(f"Wrote {plural(count, 'finding')} as known to {safe(file)}.", stderr=True)
            return
    except (ConfigError, known.BaselineError) as error:
        raise typer.BadParameter(safe(error)) from None
    _write(report, form, config)
    _summarise(report)
    raise typer.Exit(1 if report.findings else 0)


def _write(report: Report, form: Form, config: Config) -> None:
    out = console()
    match form:
        case Form.TEXT:
            for finding in report.findings:
                print_line(out, _line(finding, config))
        case Form.JSONL:
            for finding in report.findings:
                fields = asdict(finding) | {"message": finding.text}
                del fields["subject"]
                typer.echo(json.dumps(fields))
        case Form.SARIF:
            from ..guard.sarif import sarif  # noqa: PLC0415 - Only here.

            version = metadata.version("stripe_billing_router")
            typer.echo(json.dumps(sarif(report.findings, version=version), indent=2))


def _line(finding: Finding, config: Config) -> Text:
    where = f"{safe(_shown(finding.path, config))}:{finding.line}:{finding.column}"
    return Text.assemble((where, "bold"), " ", (finding.rule, "red"), " ", _masked(finding.text))


def _masked(text: str) -> str:
    """Return a message as it is but for control characters: its key is cut down to an ellipsis."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _shown(path: str, config: Config) -> str:
    """Return a path as it is written in this folder."""
    whole = os.path.normpath(config.root / path)
    return os.path.relpath(whole) if Path(whole).is_relative_to(Path.cwd()) else whole


def _summarise(report: Report) -> None:
    for note in report.notes:
        say(safe(note), stderr=True)
    aside = []
    if report.binary:
        aside.append(f"{report.binary:,} binary, for keys only")
    if report.links:
        aside.append(f"{plural(report.links, 'link')} not followed")
    if report.known:
        aside.append(f"{report.known:,} known by the baseline")
    details = f" ({'; '.join(aside)})" if aside else ""
    found = plural(len(report.findings), "finding") if report.findings else "Nothing found"
    say(f"{found} in {plural(report.files, 'file')}{details}.", stderr=True)
    if not report.files:
        say("Nothing was checked: git ignores everything there, or it is empty.", stderr=True)
