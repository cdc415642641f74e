"""`python -m mlukit.pretraining train …`, for torchrun, which starts a module or a file."""

import sys

from mlukit.pretraining.train import main

if __name__ == "__main__":
    if sys.argv[1:2] != ["train"]:
        sys.exit(
            f"usage: torchrun --nproc-per-node N -m mlukit.pretraining train FLAGS, not {' '.join(sys.argv[1:])!r}"
        )
    sys.exit(main(sys.argv[2:]))
