"""The batches of a run as a dataset of PyTorch, for a training loop of one's own."""

from collections.abc import Iterator

from torch.utils.data import IterableDataset, get_worker_info

from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.data.batches import BatchSource
from mlukit.pretraining.data.dataset import ExampleDataset


class TrainingBatches(IterableDataset[list[Batch]]):
    """The micro-batches of each step, the same as `mlukit train` has with the same settings.

    Goes with `DataLoader(…, batch_size=None)`. With one worker, a process makes the batches ahead. With more workers,
    each makes its share of the steps, in the same order for the reader, but each reads nearly all examples.
    """

    def __init__(
        self,
        dataset: ExampleDataset,
        config: DataConfig,
        *,
        steps: int,
        first_step: int = 0,
        stage: int = 2,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """Sets which steps are read.

        Args:
            dataset: the examples, from `open_dataset`.
            config: how the examples are drawn, masked and packed.
            steps: the number of steps.
            first_step: the number of the first step, counted from 0: the steps done, for a run that continues.
            stage: 1 or 2. The stages have different batches.
            rank: the number of this process.
            world: the number of processes, which share the examples of each step.
        """
        self._dataset, self._config, self._stage = dataset, config, stage
        self._steps = range(first_step, first_step + steps)
        self._rank, self._world = rank, world

    def __len__(self) -> int:
        """The number of steps."""
        return len(self._steps)

    def __iter__(self) -> Iterator[list[Batch]]:
        """Makes the micro-batches of each step; the number of micro-batches can differ between steps and ranks.

        Raises:
            ConfigError: there are more ranks than examples in a step.
            ExamplesError: a shard is damaged, or has rows outside the limits.
        """
        worker = get_worker_info()
        steps = self._steps[worker.id :: worker.num_workers] if worker else self._steps
        source = BatchSource(self._dataset, self._config, self._stage)
        for step in steps:
            yield source.step(step, self._rank, self._world)
