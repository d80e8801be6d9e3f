"""Counts of words: what other kinds of units do not have, documents of their own length."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief import DBN, RBM, Bernoulli, Pretraining, Random, RBMSettings, encode_source
from deepbelief.errors import SettingsError
from deepbelief.learning import RBMTraining, Tempering
from deepbelief.learning.rbm.negative_phases.contrastive_divergence import ContrastiveDivergence
from deepbelief.learning.rbm.negative_phases.persistent import PersistentContrastiveDivergence
from deepbelief.likelihood import AISSettings, ais, exact_log_probability, exact_log_z, log_likelihood
from deepbelief.models import AnnealedPath, Categorical, Gaussian, Joint, ReplicatedSoftmax
from tests.small_models import all_states, randomise


def test_all_documents_are_listed_once() -> None:
    units = ReplicatedSoftmax(3, 4)
    states = all_states(units)
    assert units.states == len(states) == len(states.unique(dim=0)) == 15
    assert states.sum(dim=1).eq(4).all()


@given(words=st.integers(1, 6), lengths=st.lists(st.integers(0, 40), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_documents_keep_their_length(words: int, lengths: list[int], seed: int) -> None:
    units, random = ReplicatedSoftmax(words, 3), Random(seed)
    items = torch.zeros(len(lengths), words)
    items[:, 0] = torch.tensor(lengths, dtype=torch.float32)
    field = random.normal((len(lengths), words), 2)
    expected = items.sum(dim=1, keepdim=True) * field.softmax(dim=1)
    drawn = units.sample_for_(items, field, random, torch.empty_like(field))
    assert torch.equal(drawn.sum(dim=1), items.sum(dim=1)) and torch.equal(drawn, drawn.round())
    torch.testing.assert_close(field, expected)  # the means are left there
    assert units.sample(torch.zeros(2, words), random).sum(dim=1).tolist() == [3, 3]


def test_words_are_drawn_as_often_as_they_should() -> None:
    units, n = ReplicatedSoftmax(4, 5), 4000
    field = torch.tensor([2.0, 0.0, -1.0, -30.0]).repeat(n, 1)
    items = torch.tensor([[7.0, 0, 0, 0]]).repeat(n, 1)
    share = units.sample_for_(items, field.clone(), Random(0), torch.empty_like(field)).mean(dim=0) / 7
    torch.testing.assert_close(share, field[0].softmax(dim=0), atol=0.01, rtol=0)


def test_a_document_is_a_softmax_unit_for_each_word() -> None:
    """The statistics are those of an RBM over the words one by one, with the same weights at every place."""
    length, words, hidden = 3, 4, 2
    rbm = randomise(RBM(ReplicatedSoftmax(words, length), Bernoulli(hidden), Random(0)), Random(0), 0.8)
    places = RBM(Categorical(length, words), Bernoulli(hidden), Random(0)).double()
    with torch.no_grad():
        places.weights.copy_(rbm.weights.repeat(length, 1))
        places.visible.bias.copy_(rbm.visible.bias.repeat(length))
        places.hidden.bias.copy_(rbm.hidden.bias)
    assert exact_log_z(rbm) == pytest.approx(exact_log_z(places))
    text = torch.eye(words).double()[torch.tensor([[2, 0, 2], [1, 1, 1]])]
    counted = exact_log_probability(rbm, text.sum(dim=1))
    orders = torch.tensor([3.0, 1.0]).log()  # of the same words
    torch.testing.assert_close(counted, exact_log_probability(places, text.flatten(1)) + orders)
    ours = ContrastiveDivergence(rbm, 2, visible_samples=False).statistics(text.sum(dim=1), Random(1))
    theirs = ContrastiveDivergence(places, 2, visible_samples=False).statistics(text.flatten(1), Random(1))
    torch.testing.assert_close(ours.weights, theirs.weights.view(length, words, hidden).sum(dim=0))
    torch.testing.assert_close(ours.visible, theirs.visible.view(length, words).sum(dim=0))
    torch.testing.assert_close(ours.hidden, theirs.hidden)


def test_weights_do_what_biases_times_the_length_would() -> None:
    """The hidden biases of the paper, D b, are b added to every weight."""
    rbm = randomise(RBM(ReplicatedSoftmax(4, 3), Bernoulli(2), Random(0)), Random(0), 0.8)
    bias = torch.tensor([0.3, -0.2], dtype=torch.float64)
    items = torch.tensor([[1.0, 0, 2, 5], [0, 1, 0, 0]]).double()
    expected = torch.sigmoid(items @ rbm.weights + rbm.hidden.bias + items.sum(dim=1, keepdim=True) * bias)
    with torch.no_grad():
        rbm.weights.add_(bias)
    torch.testing.assert_close(rbm.hidden_mean(items), expected)


@pytest.mark.parametrize("persistent", [False, True])
def test_chains_have_the_lengths_of_the_data(persistent: bool) -> None:
    rbm = RBM(ReplicatedSoftmax(5, 2), Bernoulli(3), Random(0))
    items = torch.zeros(4, 5)
    items[:, 0] = torch.tensor([1.0, 2.0, 8.0, 0.0])
    start = torch.zeros(4, 3)
    phase = (
        PersistentContrastiveDivergence(rbm, 4, start, 3, items=items)
        if persistent
        else ContrastiveDivergence(rbm, 4, 3)
    )
    statistics = phase.statistics(items, Random(1))
    assert float(statistics.visible.sum()) == pytest.approx(0, abs=1e-5)  # as many words in both phases
    assert statistics.visible.any()


def topics(n: int = 300, random: Random | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Documents of 10 to 49 words from a topic of their own: 60 words, of which 20 belong to each of three topics."""
    random = random or Random(0, "topics")
    topic = torch.arange(n) % 3
    chances = torch.full((3, 60), 0.1)
    for number in range(3):
        chances[number, 20 * number : 20 * number + 20] = 1.0
    units = ReplicatedSoftmax(60, 1)
    lengths = 10 + (random.uniform((n, 1)) * 40).floor()
    field = chances.log()[topic]
    return units.sample_for_(lengths.expand(n, 60) / 60, field, random, torch.empty(n, 60)), topic


@pytest.mark.parametrize("changes", [{}, {"persistent_chains": 50}, {"gibbs_steps": 3}, {"visible_samples": False}])
def test_hidden_units_find_the_topics(changes: dict[str, Any]) -> None:
    documents, topic = topics()
    dbn = DBN.from_units([ReplicatedSoftmax(60, 30), Bernoulli(6)], Random(0))
    settings = RBMSettings(epochs=30, batch_size=20, learning_rate=0.02, **changes)
    records = list(Pretraining(dbn, documents, settings, random=0, held_out=documents[:50]).epochs())
    features = encode_source(dbn, documents)
    means = torch.stack([features[topic == number].mean(dim=0) for number in range(3)])
    nearest = torch.cdist(features, means).argmin(dim=1)
    assert float((nearest == topic).double().mean()) > 0.95
    assert records[-1].monitors["held_out_error_unit"] < records[0].monitors["held_out_error_unit"]
    assert "pseudo_likelihood_unit" not in records[-1].monitors


def test_likelihoods_are_of_documents_of_one_length() -> None:
    rbm = randomise(RBM(ReplicatedSoftmax(4, 3), Bernoulli(3), Random(0)), Random(0)).requires_grad_(False)
    path = AnnealedPath(rbm, torch.zeros_like(rbm.visible.bias))
    items = torch.tensor([[1.0, 0, 2, 0], [0.0, 3, 0, 0]])
    settings = AISSettings.of(100, 500, 100)
    found = log_likelihood(path, items, ais(path, 0, settings), 0, settings)
    torch.testing.assert_close(found.upper, exact_log_probability(rbm, items), atol=0.1, rtol=0)
    torch.testing.assert_close(found.lower, found.upper, atol=0.1, rtol=0)
    shorter = torch.tensor([[1.0, 0, 2, 0], [0.0, 2, 0, 0]])
    for fails in (
        lambda: exact_log_probability(rbm, shorter),
        lambda: log_likelihood(path, shorter, found.z, 0, settings),
        lambda: RBMTraining(rbm, shorter, RBMSettings(persistent_chains=5, tempering=Tempering(temperatures=3))),
        lambda: log_likelihood(
            AnnealedPath(
                joint := RBM(Joint(ReplicatedSoftmax(2, 3), Gaussian(2)), Bernoulli(2), 0), joint.visible.bias
            ),
            shorter,
            found.z,
            0,
        ),
    ):
        with pytest.raises(SettingsError, match=r"item [01] has [12] words, and log Z is of documents of 3"):
            fails()


def test_a_document_needs_a_word() -> None:
    with pytest.raises(SettingsError, match="a document has at least 1 word, not 0"):
        ReplicatedSoftmax(5, 0)
