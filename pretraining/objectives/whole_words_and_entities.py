"""All pieces of masked words, and masked entities.

Whole-word masking is from the code of BERT (google-research/bert, create_pretraining_data.py, `do_whole_word_mask`;
release note of May 31st, 2019) and Cui et al., "Pre-Training with Whole Word Masking for Chinese BERT", 2021
(arXiv:1906.08101). As there, words are taken in a random order, a word with more pieces than are left of the share is
skipped, and each piece of a chosen word becomes <mask>, a random piece or stays by its own random number.

A piece that begins with ▁ starts a word, and so does the first piece of an example. Languages without blanks between
words have ▁ only between clauses. So a run of more than `LONGEST_WORD` pieces up to the next ▁ is not a word: each
piece of the run is a word of its own. docs/pretraining.md says how many pieces of some languages are in such runs.

Two things differ from BERT's code. If each word of an example has more pieces than the share, one of the shortest is
chosen, so that every example has a target. With `mask_mention_words`, the words of a masked mention are whole, too.
"""

from dataclasses import dataclass

import numpy as np

from mlukit.pretraining.data.choice import CHOOSE_WORD, random_order, share_of
from mlukit.pretraining.data.counter_random import Integers
from mlukit.pretraining.data.example_rows import ExampleRows, Flags, ranges
from mlukit.pretraining.errors import PretrainingError
from mlukit.pretraining.objectives.objective import Objective

LONGEST_WORD = 8  # pieces


@dataclass(frozen=True, slots=True, eq=False)
class _Words:
    """The words of rows, without <s> and </s>."""

    starts: Integers  # the first piece of each word
    lengths: Integers  # in pieces
    rows: Integers  # the row of each word

    def only(self, chosen: Flags | Integers) -> "_Words":
        """Some of the words."""
        return _Words(self.starts[chosen], self.lengths[chosen], self.rows[chosen])

    def pieces_of_rows(self, number: int) -> Integers:
        """The number of pieces of each of so many rows."""
        return np.bincount(self.rows, self.lengths, minlength=number).astype(np.int64)


@dataclass(frozen=True, slots=True)
class WholeWords(Objective):
    """Predicts all pieces of masked words, and masked entities."""

    def choose_words(
        self, rows: ExampleRows, share: float, forced: Integers, word_starts: Flags | None
    ) -> tuple[Integers, Integers]:
        """Chooses words, and returns their pieces: the words of the forced pieces, and others up to the share."""
        if word_starts is None:
            raise PretrainingError(
                "the objective 'whole words and entities' needs word_starts, which pieces start a word: "
                "mlukit.pretraining.data.dataset.find_word_starts makes it of a tokenizer"
            )
        words = _words_of(rows, word_starts)
        in_force = np.zeros(len(words.starts), np.bool_)
        in_force[np.searchsorted(words.starts, forced, side="right") - 1] = True
        whole, others = words.only(in_force), words.only(~in_force)
        forced_numbers, wanted = whole.pieces_of_rows(len(rows)), share_of(rows.tokens - 2, share)
        shortest = np.full(len(rows), LONGEST_WORD)
        np.minimum.at(shortest, others.rows, others.lengths)
        least = np.where((wanted > 0) & (forced_numbers == 0), shortest, 0)
        quotas = np.maximum(wanted - forced_numbers, least)
        others = others.only(
            random_order(rows.keys, CHOOSE_WORD, others.rows, others.starts - rows.token_offsets[others.rows])
        )
        chosen = [whole, *_fitting(others, quotas)]
        pieces = np.concatenate([ranges(part.starts, part.lengths) for part in chosen])
        return np.sort(pieces), np.sum([part.pieces_of_rows(len(rows)) for part in chosen], axis=0)

    def most_words(self, share: float, max_tokens: int) -> float:
        """The most pieces of an example without forced pieces: its share, or one word."""
        return max(share * max_tokens + 1, LONGEST_WORD)


def _words_of(rows: ExampleRows, word_starts: Flags) -> _Words:
    """The words of rows; each piece of a run that is too long to be a word is a word."""
    first, last = rows.token_offsets[:-1], rows.token_offsets[1:] - 1
    starting = word_starts[rows.token_ids]
    starting[np.concatenate([first, last, np.minimum(first + 1, last)])] = True
    starts = np.flatnonzero(starting)
    lengths = np.diff(starts, append=len(starting))
    starting |= np.repeat(lengths > LONGEST_WORD, lengths)
    starts = np.flatnonzero(starting)
    ends = np.zeros(len(starting), np.bool_)  # <s> and </s>
    ends[np.concatenate([first, last])] = True
    in_rows = np.searchsorted(rows.token_offsets, starts, side="right") - 1
    return _Words(starts, np.diff(starts, append=len(starting)), in_rows).only(~ends[starts])


def _fitting(words: _Words, quotas: Integers) -> list[_Words]:
    """Takes the words of each row in order; skips a word that has more pieces than are left of the quota of the row.

    Each round takes the words of a row up to the first word that does not fit. What is left of the quota is then less
    than this word, and less in each round, so there are few rounds.
    """
    taken, left = [], quotas
    while len((words := words.only(words.lengths <= left[words.rows])).starts):
        ends = np.cumsum(words.lengths)
        firsts = np.searchsorted(words.rows, words.rows)  # the first word of the same row
        fits = ends - (ends - words.lengths)[firsts] <= left[words.rows]
        taken.append(words.only(fits))
        left = left - taken[-1].pieces_of_rows(len(quotas))
        words = words.only(~fits)
    return taken


OBJECTIVE = WholeWords()
