"""Ours against transformers' `LukeForMaskedLM`: same weights, same examples, same numbers to float64 rounding."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from transformers import LukeConfig, LukeForMaskedLM

from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.hugging_face.names import TIED, from_hugging_face, hugging_face_names, to_hugging_face
from mlukit.pretraining.model.losses import ClassTable, cross_entropy
from mlukit.pretraining.model.model import Losses, PretrainingModel
from tests.pretraining.packed_examples import SMALL, MaskedExample, masked_examples, packed, padded

EXACT = {"rtol": 1e-9, "atol": 1e-11}

EXAMPLES = {
    "of several lengths": masked_examples([(40, 6), (13, 2), (64, 12), (3, 1)]),
    "some without entities": masked_examples([(20, 0), (31, 5), (9, 0)]),
    "none with entities": masked_examples([(20, 0), (31, 0)]),
    "one with a mention of 30 tokens": [
        MaskedExample(list(range(4, 44)), [(2, 32)], [2], {5: 50}, {0: 9}),
        *masked_examples([(12, 3)]),
    ],
    "one alone": masked_examples([(64, 20)]),
}


def luke(config: ModelConfig) -> LukeForMaskedLM:
    """Theirs, with random weights in float64, and the word decoder tied whatever the version of transformers."""
    torch.manual_seed(7)
    model = LukeForMaskedLM(
        LukeConfig(
            vocab_size=config.vocabulary_size,
            entity_vocab_size=config.entity_vocabulary_size,
            hidden_size=config.hidden_size,
            entity_emb_size=config.entity_embedding_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=config.feed_forward_size,
            hidden_act="gelu",
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            max_position_embeddings=config.max_positions,
            type_vocab_size=config.token_types,
            layer_norm_eps=config.layer_norm_epsilon,
            use_entity_aware_attention=config.entity_aware_attention,
            pad_token_id=config.pad_id,
        )
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():  # large enough that attention is not uniform and no bias is zero
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    model.lm_head.decoder.weight = model.luke.embeddings.word_embeddings.weight
    model.lm_head.decoder.bias = model.lm_head.bias
    model.entity_predictions.decoder.weight = model.luke.entity_embeddings.entity_embeddings.weight
    return model.train()


def ours(config: ModelConfig, theirs: LukeForMaskedLM) -> PretrainingModel:
    model = PretrainingModel(config).double()
    model.load_state_dict(from_hugging_face(config, theirs.state_dict()), strict=True)
    return model.train()


CONFIGS = {
    "as in pretraining": SMALL,
    "entity-aware": replace(SMALL, entity_aware_attention=True),
    "epsilon 1e-12, two token types, wide entities": replace(
        SMALL, layer_norm_epsilon=1e-12, token_types=2, entity_embedding_size=SMALL.hidden_size
    ),
}


@pytest.mark.parametrize("spare", [0, 9])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("examples", EXAMPLES.values(), ids=EXAMPLES)
def test_losses_and_gradients_are_those_of_transformers(
    examples: list[MaskedExample], config: ModelConfig, spare: int
) -> None:
    theirs = luke(config)
    model = ours(config, theirs)
    batch = packed(examples, config, spare=spare)

    output = theirs(**padded(examples, config))
    losses = model(batch)
    torch.testing.assert_close(losses.words / batch.word_targets, output.mlm_loss, **EXACT)
    loss = losses.words / batch.word_targets
    if batch.entity_targets:
        torch.testing.assert_close(losses.entities / batch.entity_targets, output.mep_loss, **EXACT)
        loss = loss + losses.entities / batch.entity_targets
    torch.testing.assert_close(loss, output.loss, **EXACT)

    output.loss.backward()
    loss.backward()
    gradients = dict(to_hugging_face(config, {name: _gradient(p) for name, p in model.named_parameters()}))
    compared = 0
    for name, parameter in theirs.named_parameters():
        if name not in TIED and not name.startswith("luke.pooler"):
            torch.testing.assert_close(
                gradients[name], _gradient(parameter), **EXACT, msg=lambda m, n=name: f"{n}: {m}"
            )
            compared += 1
    assert compared == len(gradients)


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_logits_and_hits_are_those_of_transformers(config: ModelConfig) -> None:
    examples = EXAMPLES["of several lengths"]
    theirs = luke(config)
    model = ours(config, theirs)
    batch = packed(examples, config, spare=3)
    output = theirs(**padded(examples, config))
    with torch.no_grad():
        stream = model.encode(batch)
        words = model.word_head(stream[batch.word_slots_W[: batch.words]])
        entities = model.entity_head(stream[batch.entity_slots_E[: batch.entities]])
        logits = words @ model.word_embeddings.words.weight.T + model.word_head.bias
        entity_logits = entities @ model.entity_embeddings.entities.weight.T + model.entity_head.bias
    arguments = padded(examples, config)
    real, real_entities = arguments["attention_mask"].bool(), arguments["entity_attention_mask"].bool()
    torch.testing.assert_close(logits[:, : config.vocabulary_size], output.logits[real], **EXACT)
    torch.testing.assert_close(
        entity_logits[:, : config.entity_vocabulary_size], output.entity_logits[real_entities], **EXACT
    )
    losses = model(batch)
    assert losses.correct_words == (output.logits.argmax(-1) == arguments["labels"]).sum()
    assert losses.correct_entities == (output.entity_logits.argmax(-1) == arguments["entity_labels"]).sum()


def losses_from_all_places(model: PretrainingModel, batch: Batch) -> Losses:
    """The losses from the last layer's output for every place, as transformers and earlier versions compute them."""
    stream = model.encode(batch)
    words = slice(batch.word_targets)
    at_words = stream[batch.word_slots_W[batch.masked_words_PW[words]]]
    table = ClassTable(model.word_embeddings.words.weight, model.word_head.bias, model.config.vocabulary_size)
    word = cross_entropy(model.word_head(at_words), table, batch.word_labels_PW[words])
    entities = slice(batch.entity_targets)
    at_entities = stream[batch.entity_slots_E[batch.masked_entities_PE[entities]]]
    weight, bias = model.entity_embeddings.entities.weight, model.entity_head.bias
    table = ClassTable(weight, bias, model.config.entity_vocabulary_size)
    entity = cross_entropy(model.entity_head(at_entities), table, batch.entity_labels_PE[entities])
    return Losses(word.loss, entity.loss, word.correct, entity.correct)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)], ids=["float64", "float32"]
)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_last_layer_for_masked_places_gives_the_losses_and_gradients_of_all_places(
    config: ModelConfig, dtype: torch.dtype, tolerance: float, training: bool
) -> None:
    torch.manual_seed(5)
    model = PretrainingModel(config).to(dtype).train(training)
    batch = packed(EXAMPLES["of several lengths"], config, spare=9)
    results = []
    for losses in (model(batch), losses_from_all_places(model, batch)):
        gradients = torch.autograd.grad(losses.words / 7 + losses.entities / 3, [*model.parameters()])
        results.append((losses, gradients))
    torch.testing.assert_close(results[0], results[1], rtol=tolerance, atol=tolerance)


def test_last_layer_ends_with_the_masked_places() -> None:
    seen: list[int] = []
    model = PretrainingModel(SMALL)
    for layer in model.layers:
        layer.feed_forward.register_forward_hook(lambda _, inputs, output: seen.append(len(output)))
    batch = packed(EXAMPLES["of several lengths"], spare=9)
    places = len(batch.word_slots_W) + len(batch.entity_slots_E)
    model(batch)
    assert seen == [places, len(batch.masked_words_PW) + len(batch.masked_entities_PE)]
    model.encode(batch)
    assert seen[2:] == [places, places]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_names_cover_every_parameter_of_both(config: ModelConfig) -> None:
    names = hugging_face_names(config)
    assert set(names) == {name for name, _ in PretrainingModel(config).named_parameters()}
    theirs = {name for name, _ in luke(config).named_parameters() if not name.startswith("luke.pooler")}
    assert {part for parts in names.values() for part in parts} == theirs - set(TIED)


def test_names_there_and_back() -> None:
    state = PretrainingModel(SMALL).state_dict()
    again = from_hugging_face(SMALL, dict(to_hugging_face(SMALL, state)))
    assert state.keys() == again.keys()
    assert all(torch.equal(state[name], again[name]) for name in state)


def test_what_is_missing_of_theirs_is_left_out() -> None:
    theirs = luke(SMALL).state_dict()
    del theirs["luke.encoder.layer.1.attention.self.key.weight"], theirs["entity_predictions.bias"]
    missing = set(hugging_face_names(SMALL)) - set(from_hugging_face(SMALL, theirs))
    assert missing == {"layers.1.attention.qkv.weight", "entity_head.bias"}


def test_a_batch_without_room_for_entities() -> None:
    batch = packed(masked_examples([(20, 0), (9, 0)]))
    assert len(batch.entity_ids_E) == len(batch.masked_entities_PE) == 0
    losses = PretrainingModel(SMALL)(batch)
    assert losses.entities == 0
    assert losses.correct_entities == 0
    losses.words.backward()


def test_every_parameter_has_a_gradient_in_a_batch_that_has_nothing_to_predict() -> None:
    """As DDP wants; a rank may have such a batch where others have more examples."""
    nothing = [replace(e, word_labels={}, entity_labels={}) for e in masked_examples([(20, 1)])]
    model = PretrainingModel(SMALL)
    losses = model(packed(nothing, spare=4))
    (losses.words + losses.entities).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    assert all((p.grad == 0).all() for p in model.parameters())


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_layer_is_that_of_transformers(config: ModelConfig) -> None:
    (example,) = masked_examples([(13, 2)])
    theirs, batch = luke(config), packed([example], config)
    model = ours(config, theirs)
    output = theirs(**padded([example], config), output_hidden_states=True)
    layers = model.encode_layers(batch)
    expected = zip(output.hidden_states, output.entity_hidden_states, strict=True)
    for layer, (words, entities) in zip(layers, expected, strict=True):
        torch.testing.assert_close(layer, torch.cat([words[0], entities[0]]), **EXACT)
    torch.testing.assert_close(layers[-1], model.encode(batch), **EXACT)


def test_no_example_sees_another() -> None:
    examples = masked_examples([(20, 3), (15, 2), (11, 1)])
    model = PretrainingModel(SMALL).double()
    batch = packed(examples, spare=6)
    seen: list[Tensor] = []
    model.layers[0].register_forward_pre_hook(
        lambda _, arguments: (seen.append(arguments[0].requires_grad_()), None)[1]
    )
    out = model.encode(batch)
    (gradient,) = torch.autograd.grad(out[23:40].square().sum(), seen)  # the second example's 17 places
    assert (gradient[:23] == 0).all()
    assert (gradient[40:] == 0).all()
    assert (gradient[23:40] != 0).any(1).all()


def test_masked_examples_and_the_rest_of_a_batch_do_not_change_an_example() -> None:
    first, second = masked_examples([(20, 3), (33, 2)])
    model = PretrainingModel(SMALL).double()
    together, alone = model.encode(packed([first, second], spare=5)), model.encode(packed([second]))
    torch.testing.assert_close(together[23:58], alone, **EXACT)


def test_initial_parameters() -> None:
    torch.manual_seed(0)
    config = replace(SMALL, hidden_size=120, vocabulary_size=1_000)
    model = PretrainingModel(config)
    words = model.word_embeddings.words.weight
    assert words.shape == (1_024, 120)
    assert (words[config.pad_id] == 0).all()
    assert (words[1_000:] == 0).all()
    assert words[4:1_000].std().item() == pytest.approx(0.02, rel=0.02)
    assert (model.entity_embeddings.entities.weight[config.entity_pad_id] == 0).all()
    assert model.layers[0].attention.qkv.weight.std().item() == pytest.approx(0.02, rel=0.02)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert (parameter == 0).all(), name
        elif "norm" in name:
            assert (parameter == 1).all(), name
