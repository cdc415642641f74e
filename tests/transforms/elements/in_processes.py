"""A program: all transforms on two worker processes; prints who worked, and leaves the rows in a file.

python -m tests.transforms.elements.in_processes DUMPS OUT FOLDER
"""

import json
import os
import sys
from pathlib import Path

from tests.transforms.elements.collected import all_transforms, run_pipeline


def main(dumps: str, output: str, folder: str) -> None:
    flags = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    ran = run_pipeline(Path(folder), all_transforms(Path(dumps), Path(output), ("de", "en", "ja")), *flags)
    rows = {name: ran.rows(name) for name in ran.elements}
    workers = {path.suffix[1:] for path in Path(folder).glob("articles.*")}
    made = {"launcher": str(os.getpid()), "workers": sorted(workers), "rows": rows, "counters": ran.counters}
    (Path(folder) / "made.json").write_text(json.dumps(made))


if __name__ == "__main__":
    main(*sys.argv[1:])
