"""The command line: ``python -m moesif check``."""

from __future__ import annotations

import argparse
import os
import sys

from moesif.check import check
from moesif.version import __version__


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0 if every step is good, 1 if one failed."""
    parser = argparse.ArgumentParser(
        prog="python -m moesif", description="API observability for Python web applications."
    )
    parser.add_argument("--version", action="version", version=f"moesif-rs {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check_parser = commands.add_parser(
        "check",
        help="check whether events would reach the collector, and what to do if not",
        description="Checks the settings, the name, the connection and TLS, and sends one test event.",
    )
    check_parser.add_argument(
        "--settings",
        metavar="PATH",
        help="dotted path of the dictionary of options, such as project.settings.MOESIF_MIDDLEWARE. By default, "
        "options come from the environment only (MOESIF_APPLICATION_ID, MOESIF_BASE_URI and so on)",
    )
    try:
        return _print_verdicts(parser.parse_args(arguments).settings)
    except BrokenPipeError:
        # Nothing reads the output any more. Python would report that again when it ends and writes the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _print_verdicts(settings: str | None) -> int:
    is_good = True
    for verdict in check(settings):
        is_good = verdict.is_good
        sys.stdout.write(f"{'ok' if is_good else 'FAILED':8}{verdict.step:12}{verdict.found}\n")
        if verdict.advice:
            sys.stdout.write(f"{'':8}{'do this:':12}{verdict.advice}\n")
        sys.stdout.flush()
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
