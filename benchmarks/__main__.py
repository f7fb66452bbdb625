"""Prints the budget table for this machine.

python -m benchmarks                    # everything, a class of 200
python -m benchmarks --class-size 1000  # the class of the design's budget
python -m benchmarks load check         # some of it
python -m benchmarks rounds             # what is on record of proofs repeated for hours
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from benchmarks import bench_check, bench_class, bench_cluster, bench_load, rounds

Row = tuple[str, str, str]


def machine() -> str:
    """The machine in a line, as far as it can be told."""
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    memory = pages * page / 2**30
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB,"
        f" Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help="load, check, cluster, class, rounds; all if none")
    parser.add_argument("--class-size", type=int, default=200)
    arguments = parser.parse_args()
    parts: dict[str, Callable[[], list[Row]]] = {
        "load": bench_load.run,
        "check": bench_check.run,
        "cluster": bench_cluster.run,
        "class": lambda: bench_class.run(arguments.class_size),
        "rounds": rounds.run,
    }
    console = Console()
    console.print(machine())
    table = Table("What", "Budget", "Measured", box=None, padding=(0, 2, 0, 0))
    for name, run in parts.items():
        if not arguments.parts or name in arguments.parts:
            for row in run():
                table.add_row(*row)
    console.print(table)


main()
