"""Compares the time and memory of the whole build between two checkouts of mlukit.

The dump is the same as in benchmarks/dump_to_examples.py. The checkouts take turns, so that other work of the machine
affects both. The minimum CPU time of the rounds counts, because it is the least disturbed.

usage: python benchmarks/two_checkouts.py DUMP.xml.bz2 OLD NEW --model sentencepiece.bpe.model
           [--size 0.125] [--rounds 3]

Both run with this Python and its packages. CPU is the time of all processes of a build; peak MB is the memory of its
largest process (RSS).
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from dump_to_examples import Usage, measure, mlukit
from growth import make_dumps, read_pages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump", type=Path, help="a real dump, whose pages are used")
    parser.add_argument("checkouts", type=Path, nargs=2, metavar="CHECKOUT", help="the old and the new checkout")
    parser.add_argument("--model", type=Path, required=True, help="XLM-R's sentencepiece.bpe.model")
    parser.add_argument("--size", type=float, default=0.125, help="size of the dump, in GB of XML")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--language", default="en")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlukit-checkouts-") as folder:
        work = Path(folder)
        size, dump = make_dumps(work / "dumps", asked.language, *read_pages(asked.dump), int(asked.size * 1e9))
        print(f"{size / 1e6:.0f} MB of XML, {asked.rounds} rounds")
        found: dict[Path, list[Usage]] = {checkout: [] for checkout in asked.checkouts}
        for _ in range(asked.rounds):
            for checkout, usages in found.items():
                shutil.rmtree(work / "out", ignore_errors=True)
                usages.append(measure(mlukit(asked, dump, work / "out"), checkout))
                print(f"  {checkout}: {usages[-1].cpu:.1f} CPU s, {usages[-1].wall:.1f} s", flush=True)
    show(found)


def show(found: dict[Path, list[Usage]]) -> None:
    """Prints the minimum of each checkout, and the ratio of new to old."""
    cpu, wall, peak = (
        [min(getattr(u, name) for u in some) for some in found.values()] for name in ("cpu", "wall", "largest")
    )
    print("| checkout | CPU s | wall s | peak MB |\n|" + " --- |" * 4)
    for number, checkout in enumerate(found):
        print(f"| {checkout} | {cpu[number]:.1f} | {wall[number]:.1f} | {peak[number] / 1e6:.0f} |")
    print(f"| new / old | {cpu[1] / cpu[0]:.3f} | {wall[1] / wall[0]:.3f} | {peak[1] / peak[0]:.3f} |")


if __name__ == "__main__":
    main()
