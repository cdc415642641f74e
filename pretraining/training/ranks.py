"""The processes of a run: a single one, or those that torchrun started, each with its own device."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ranks:
    """One process among `world`."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    def wait(self) -> None:
        """Returns when all ranks have called it."""
        if self.world > 1:
            self.gather((0,))

    def gather(self, numbers: Sequence[int]) -> list[list[int]]:
        """The integers of every rank, without waiting for the device."""
        if self.world == 1:
            return [list(numbers)]
        row = torch.tensor(numbers, dtype=torch.int64)
        rows = [torch.empty_like(row) for _ in range(self.world)]
        dist.all_gather(rows, row)
        return [gathered.tolist() for gathered in rows]

    def texts(self, text: str) -> list[str]:
        """The text of each rank."""
        if self.world == 1:
            return [text]
        texts = [""] * self.world
        dist.all_gather_object(texts, text)
        return texts

    def add(self, values: Tensor) -> Tensor:
        """The sums over all ranks."""
        if self.world > 1:
            dist.all_reduce(values)
        return values


def this_rank() -> int:
    """The rank of this process; 0 for a single process."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def joined() -> Iterator[Ranks]:
    """Joins the processes of torchrun, which sets RANK, WORLD_SIZE and LOCAL_RANK; a single process without them."""
    rank, world = this_rank(), int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if world == 1:
        yield Ranks(rank, world, device)
        return
    # counts go over gloo, so that they do not wait for what the GPU is doing
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    yield Ranks(rank, world, device)
    dist.destroy_process_group()  # not after an error: the other ranks may be waiting for this one
