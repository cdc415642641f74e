"""The model: an XLM-R encoder over the words of an example and its entities [mLUKE, Ri et al. 2022, section 2.1].

The input of a word is the sum of the embeddings of the word, of its position and of its type. The input of an entity is
its own embedding, made as wide as the encoder, and the mean of the position embeddings of its mention's words, from a
separate table. Words and entities go through the same layers. The tables of the input embeddings also predict the
masked words and entities.

The examples lie one after the other in one stream, without padding: pretraining/data/batch.py has the layout and the
letters of the shapes. This module adds three letters: N, the places of the stream; H, the hidden size; D, the size of
an entity's embedding.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.model.attention import Attention, Sequences, needs_padding, selected, sequences_of
from mlukit.pretraining.model.losses import ClassTable, SoftmaxLoss, cross_entropy
from mlukit.pretraining.model.table import Table


class Losses(NamedTuple):
    """The sums of a micro-batch; the training loop divides them by the number of targets of the whole step.

    The class is a tuple, because FSDP2 finds the tensors of an output only in tuples.
    """

    words: Tensor
    entities: Tensor
    correct_words: Tensor
    correct_entities: Tensor


class WordEmbeddings(nn.Module):
    """Makes the encoder's input of words."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.words = Table(config.word_rows, config.hidden_size, padding_idx=config.pad_id)
        self.positions = nn.Embedding(config.max_positions, config.hidden_size, padding_idx=config.pad_id)
        self.token_types = nn.Embedding(config.token_types, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Returns the input of every word, W x H."""
        words_WH = self.words(batch.token_ids_W) + self.positions(batch.token_positions_W)
        return _normalize(self, words_WH + self.token_types.weight[0])


class EntityEmbeddings(nn.Module):
    """Makes the encoder's input of entities."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.entity_embedding_size
        self.entities = Table(config.entity_rows, size, padding_idx=config.entity_pad_id)
        same = size == config.hidden_size
        self.dense = nn.Identity() if same else nn.Linear(size, config.hidden_size, bias=False)
        self.positions = nn.Embedding(config.max_positions, config.hidden_size)
        self.token_types = nn.Embedding(config.token_types, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Returns the input of every entity, E x H."""
        entities_EH: Tensor = self.dense(self.entities(batch.entity_ids_E))
        return _normalize(self, entities_EH + self._mean_positions(batch) + self.token_types.weight[0])

    def _mean_positions(self, batch: Batch) -> Tensor:
        """Returns the mean position embedding of each entity's mention, E x H; zero for an entity without a mention."""
        entities = len(batch.entity_ids_E)
        positions_MH: Tensor = self.positions(batch.mention_positions_M)
        sums = positions_MH.new_zeros(entities + 1, positions_MH.shape[1])  # the last row is for unused tokens
        sums = sums.index_add(0, batch.mention_entities_M, positions_MH)
        tokens = sums.new_zeros(entities + 1, 1)
        tokens = tokens.index_add(0, batch.mention_entities_M, tokens.new_ones(len(positions_MH), 1))
        means: Tensor = sums / tokens.clamp(min=1)
        return means[:entities]


def _normalize(embeddings: WordEmbeddings | EntityEmbeddings, summed: Tensor) -> Tensor:
    normalized: Tensor = embeddings.dropout(embeddings.norm(summed))
    return normalized


class Layer(nn.Module):
    """One layer of the encoder: attention, then feed-forward; each output is added to its input and normalized."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_epsilon)
        self.feed_forward = nn.Sequential(
            nn.Linear(config.hidden_size, config.feed_forward_size),
            nn.GELU(),
            nn.Linear(config.feed_forward_size, config.hidden_size),
        )
        self.feed_forward_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, stream_NH: Tensor, sequences: Sequences, places_P: Tensor | None = None) -> Tensor:
        """Returns the output for every place, N x H, or only for some places, P x H.

        Every place needs keys and values, because the other places attend to the place. Queries are computed for every
        place, too: so attention has the same sequences in all layers. The rest is computed for the wanted places only.
        """
        attended = self.dropout(self.attention(stream_NH, sequences, places_P))
        stream_PH = self.attention_norm(selected(stream_NH, places_P) + attended)
        out: Tensor = self.feed_forward_norm(stream_PH + self.dropout(self.feed_forward(stream_PH)))
        return out


class Head(nn.Module):
    """Turns the encoder's output at a masked place into a vector that is compared with the rows of a table."""

    def __init__(self, config: ModelConfig, size: int, rows: int) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, size)
        self.activation = nn.GELU()
        self.norm = nn.LayerNorm(size, config.layer_norm_epsilon)
        self.bias = nn.Parameter(torch.zeros(rows))  # one for each row of the table

    def forward(self, output_PH: Tensor) -> Tensor:
        """Returns the vectors to compare, P x the width of the table."""
        vectors: Tensor = self.norm(self.activation(self.dense(output_PH)))
        return vectors


class PretrainingModel(nn.Module):
    """Computes the losses of the masked words and entities of a batch."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.word_embeddings = WordEmbeddings(config)
        self.entity_embeddings = EntityEmbeddings(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.word_head = Head(config, config.hidden_size, config.word_rows)
        self.entity_head = Head(config, config.entity_embedding_size, config.entity_rows)
        self.compiled = False
        self.initialize()

    def forward(self, batch: Batch) -> Losses:
        """Returns the losses, summed over the targets; the entity loss of a batch without room for entities is 0."""
        masked_words, masked_entities = _masked_places(batch)
        output_PH = self.encode(batch, torch.cat([masked_words, masked_entities]))
        words = self._predict_words(output_PH[: len(masked_words)], batch)
        entities = self._predict_entities(output_PH[len(masked_words) :], batch)
        return Losses(words.loss, entities.loss, words.correct, entities.correct)

    def encode(self, batch: Batch, places_P: Tensor | None = None) -> Tensor:
        """Returns the last layer's output for every place of the stream, N x H, or only for some places, P x H."""
        stream_NH = self._embedded(batch)
        sequences = self._sequences(batch, stream_NH)
        *layers, last = self.layers
        for layer in layers:
            stream_NH = layer(stream_NH, sequences)
        output: Tensor = last(stream_NH, sequences, places_P)
        return output

    def encode_layers(self, batch: Batch) -> list[Tensor]:
        """Returns the input of the first layer and the output of every layer, N x H each."""
        outputs = [self._embedded(batch)]
        sequences = self._sequences(batch, outputs[0])
        for layer in self.layers:
            outputs.append(layer(outputs[-1], sequences))
        return outputs

    def _embedded(self, batch: Batch) -> Tensor:
        """Returns the input of the first layer for every place of the stream, N x H."""
        slots_N = torch.cat([batch.word_slots_W, batch.entity_slots_E])
        inputs_NH = torch.cat([self.word_embeddings(batch), self.entity_embeddings(batch)])
        return torch.empty_like(inputs_NH).index_copy(0, slots_N, inputs_NH)

    def compile_parts(self) -> None:
        """Compiles the layers and the softmaxes with `torch.compile`, once for all batches."""
        for layer in self.layers:
            layer.compile()
        self.compiled = True

    def initialize(self) -> None:
        """Draws random parameters as transformers' RoBERTa does: normal weights, zeros for biases and padding."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=self.config.initializer_range)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            for table in (self.word_embeddings.words, self.word_embeddings.positions, self.entity_embeddings.entities):
                table.weight[table.padding_idx] = 0
            self.word_embeddings.words.weight[self.config.vocabulary_size :] = 0
            self.entity_embeddings.entities.weight[self.config.entity_vocabulary_size :] = 0

    def _sequences(self, batch: Batch, stream_NH: Tensor) -> Sequences:
        """Describes the sequences of a batch, with padding if the attention needs padding."""
        device, dtype = stream_NH.device, stream_NH.dtype
        if torch.is_autocast_enabled(device.type):
            dtype = torch.get_autocast_dtype(device.type)
        with_padding = needs_padding(self.config, device, dtype, self.training)
        return sequences_of(batch.sequence_starts_S1, batch.longest, batch.entity_slots_E, len(stream_NH), with_padding)

    def _predict_words(self, output_PH: Tensor, batch: Batch) -> SoftmaxLoss:
        """Returns the loss of the masked words."""
        used = _used_targets(batch.word_targets)
        words = self.word_embeddings.words
        table = ClassTable(words.weight, self.word_head.bias, self.config.vocabulary_size, words.in_place)
        vectors_PD = self.word_head(output_PH[used])
        return cross_entropy(vectors_PD, table, batch.word_labels_PW[used], compiled=self.compiled)

    def _predict_entities(self, output_PH: Tensor, batch: Batch) -> SoftmaxLoss:
        """Returns the loss of the masked entities; zero for a batch without room for entities."""
        if not len(output_PH):
            return SoftmaxLoss(output_PH.new_zeros(()), output_PH.new_zeros((), dtype=torch.int64))
        used = _used_targets(batch.entity_targets)
        entities = self.entity_embeddings.entities
        size = self.config.entity_vocabulary_size
        table = ClassTable(entities.weight, self.entity_head.bias, size, entities.in_place)
        vectors_PD = self.entity_head(output_PH[used])
        return cross_entropy(vectors_PD, table, batch.entity_labels_PE[used], compiled=self.compiled)


def _masked_places(batch: Batch) -> tuple[Tensor, Tensor]:
    """Returns the places of the masked words and entities in the stream.

    Unused places to predict have the place of a word or an entity, too: so the shapes of all batches are the same, and
    `torch.compile` compiles the last layer once.
    """
    return batch.word_slots_W[batch.masked_words_PW], batch.entity_slots_E[batch.masked_entities_PE]


def _used_targets(number: int) -> slice:
    """Selects the targets to predict: at least one place, since DDP needs a gradient for every parameter."""
    return slice(max(1, number))
