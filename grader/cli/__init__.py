"""The command line."""

from __future__ import annotations


def main() -> None:
    """Run the command line; the entry point of the `mlk8s` console script."""
    from grader.cli.app import run

    raise SystemExit(run())
