"""What a model says of the items that names in a text may mean: it predicts the masked entity of each name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch

from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.local_folder import local_folder
from mlukit.pretraining.prediction.encoded_texts import EncodedText, batch_of, most_tokens
from mlukit.pretraining.prediction.entity_ids import EntityIds
from mlukit.pretraining.prediction.guess_entities import entities_of
from mlukit.pretraining.prediction.load_model import load_model
from mlukit.pretraining.prediction.loaded_model import LoadedModel, batches_by_length
from mlukit.pretraining.training.run_folder import is_run, read_run_config


class Names(NamedTuple):
    """A text with the names in it, ascending and not overlapping.

    Attributes:
        text: the text.
        spans: start and end of each name, in code points.
        qids: the items that each name may mean.
    """

    text: str
    spans: Sequence[tuple[int, int]]
    qids: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class CandidateModel:
    """A model with a trained entity head, and the size of the texts that it was trained on."""

    loaded: LoadedModel
    entities: EntityIds
    tokens: int
    names: int

    @classmethod
    def load(cls, folder: str, examples: str | None = None, device: str | None = None) -> Self:
        """Loads a model, see `load_model`.

        Raises:
            PretrainingError: the folder has no model with a trained entity head.
        """
        loaded = load_model(local_folder(folder), examples, device)
        limits = read_run_config(loaded.folder).data if is_run(loaded.folder) else DataConfig()
        room = min(limits.max_tokens, most_tokens(loaded.model.config))
        return cls(loaded, entities_of(loaded), room - 2, limits.max_entities)

    def logits(self, texts: Sequence[Names]) -> list[npt.NDArray[np.float64]]:
        """The logits of all candidates of each text, one name after the other; NaN for unknown items.

        A text that is longer than the examples of the training is read in windows, each of which begins a quarter of
        its length before its first new name. All names of a window are masked. Windows in which no name has several
        candidates are passed over.
        """
        ids = self._ids(texts)
        windows = [(number, *window) for number, text in enumerate(texts) for window in self._windows(text)]
        found = [np.full(sum(map(len, text.qids)), np.nan) for text in texts]
        places = [list(accumulate(map(len, text.qids), initial=0)) for text in texts]
        for numbers in batches_by_length([len(encoded) for _, _, encoded in windows]):
            chosen = [windows[number] for number in numbers]
            vectors = iter(self._vectors([encoded for _, _, encoded in chosen]))
            for text, first, encoded in chosen:
                for name in range(first, first + len(encoded.spans)):
                    start, end = places[text][name : name + 2]
                    found[text][start:end] = self._scores(next(vectors), ids[text][start:end])
        return found

    def _ids(self, texts: Sequence[Names]) -> list[list[int | None]]:
        """The id of each candidate of each text; None for an item that the vocabulary does not have."""
        of_texts = [[f"Q{qid}" for qids in text.qids for qid in qids] for text in texts]
        found = iter(self.entities.find([name for names in of_texts for name in names]))
        return [[next(found) for _ in names] for names in of_texts]

    def _vectors(self, texts: Sequence[EncodedText]) -> torch.Tensor:
        model, config = self.loaded.model, self.loaded.model.config
        batch = batch_of(texts, config).to(self.loaded.device)
        with torch.inference_mode():
            vectors: torch.Tensor = model.entity_head(model.encode(batch)[batch.entity_slots_E])
        return vectors

    def _scores(self, vector: torch.Tensor, ids: Sequence[int | None]) -> npt.NDArray[np.float64]:
        known = [number for number, row in enumerate(ids) if row is not None]
        scores = np.full(len(ids), np.nan)
        if known:
            rows = torch.tensor([row for row in ids if row is not None], device=self.loaded.device)
            model = self.loaded.model
            with torch.inference_mode():
                table, bias = model.entity_embeddings.entities.weight[rows], model.entity_head.bias[rows]
                scores[known] = (table @ vector + bias).double().cpu().numpy()
        return scores

    def _windows(self, text: Names) -> Iterator[tuple[int, EncodedText]]:
        """The windows of a text, each with the number of its first new name; names without a token are in none."""
        cuts = [offset for span in text.spans for offset in span]
        (segments,) = self.loaded.tokenizer.encode_segments([text.text], [cuts])
        tokens = [token for segment in segments for token in segment]
        borders = list(accumulate(map(len, segments)))[:-1]
        spans = list(zip(borders[::2], borders[1::2], strict=True))
        config, name = self.loaded.model.config, 0
        while name < len(spans):
            if not 0 < spans[name][1] - spans[name][0] <= self.tokens:
                name += 1
                continue
            begin = max(0, min(spans[name][0] - self.tokens // 4, len(tokens) - self.tokens))
            begin = max(begin, spans[name][1] - self.tokens)
            last = name
            while last < len(spans) and spans[last][1] <= begin + self.tokens and last - name < self.names:
                if spans[last][0] == spans[last][1]:
                    break
                last += 1
            inside = [(start - begin + 1, end - begin + 1) for start, end in spans[name:last]]
            ids = [config.bos_id, *tokens[begin : begin + self.tokens], config.eos_id]
            masks = [config.entity_mask_id] * len(inside)
            if any(len(qids) > 1 for qids in text.qids[name:last]):
                yield name, EncodedText(ids, inside, masks, list(range(len(inside))), cut=False)
            name = last
