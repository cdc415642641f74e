"""The processes of a run: one by itself, or those that torchrun started, each with a device of its own."""

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
        """Whether it is the one that writes and speaks."""
        return self.rank == 0

    def wait(self) -> None:
        """Returns when all ranks have called it."""
        if self.world > 1:
            self.gather((0,))

    def gather(self, numbers: Sequence[int]) -> list[list[int]]:
        """The whole numbers of each rank, without waiting for the device."""
        if self.world == 1:
            return [list(numbers)]
        mine = torch.tensor(numbers, dtype=torch.int64)
        all_ = [torch.empty_like(mine) for _ in range(self.world)]
        dist.all_gather(all_, mine)
        return [one.tolist() for one in all_]

    def texts(self, text: str) -> list[str]:
        """The text of each rank."""
        if self.world == 1:
            return [text]
        all_ = [""] * self.world
        dist.all_gather_object(all_, text)
        return all_

    def add(self, values: Tensor) -> Tensor:
        """The sums over all ranks."""
        if self.world > 1:
            dist.all_reduce(values)
        return values


def this_rank() -> int:
    """That of this process; 0 where it is by itself."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def joined() -> Iterator[Ranks]:
    """This process among those of torchrun, which tells by RANK, WORLD_SIZE and LOCAL_RANK; by itself without them."""
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
    dist.destroy_process_group()  # not after an error: it would wait for ranks that wait for this one
