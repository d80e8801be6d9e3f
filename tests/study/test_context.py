"""What the stages share: models that an earlier stage saved, and the last training, which stops by held-out images."""

from pathlib import Path

import numpy as np
import pytest
import torch

from deepbelief.checkpoint import load_labelled_dbn, save_dbn
from deepbelief.data import load_dataset
from deepbelief.errors import DeepBeliefError
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.randomness import Random
from deepbelief.sampling import fantasies
from deepbelief.study.context import Context, Findings
from deepbelief.study.generation import _of_each_class, generation
from deepbelief.study.recipe import parse_recipe
from deepbelief.study.training import readouts
from deepbelief.system.precision import FP32

SIZES = [64, 20, 12]


class Listener:
    """Remembers the lines of a stage."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def stage(self, name: str, number: int, total: int, seed: int) -> None:
        """Nothing."""

    def step(self, done: int, total: int, line: str) -> None:
        self.lines.append(line)

    def finished(self, name: str, seconds: float, line: str) -> None:
        """Nothing."""


def context(folder: Path, text: str, listener: Listener | None = None) -> Context:
    """A seed whose DBN has not learnt anything."""
    recipe = parse_recipe(text, "tiny.toml")
    made = Context(recipe, load_dataset("digits"), 0, torch.device("cpu"), FP32, folder, listener or Listener())
    save_dbn(made.models / "dbn.safetensors", DBN.from_sizes(SIZES, Random(0), 0.3))
    made.save_network("ffnn", FeedForward([SIZES[0], 10], torch.relu, Random(0)), {})
    return made


def test_a_network_comes_back_as_it_was(tmp_path: Path, tiny: str) -> None:
    made = context(tmp_path, tiny)
    for activation in (torch.relu, torch.sigmoid):
        network = FeedForward([64, 7, 10], activation, Random(3))
        made.save_network("ffnn", network, {})
        loaded, values = made.network("ffnn"), Random(4).uniform((5, 64))
        assert torch.equal(loaded(values), network(values))
        assert not any(parameter.requires_grad for parameter in loaded.parameters())


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        *[
            ("dbn", "pretraining"),
            ("readout_1", "readouts"),
            ("robust_readout", "readouts"),
            ("all_layers", "readouts"),
            ("mlp_head", "mlp_head"),
        ],
        *[("ffnn", "baseline"), ("finetuned", "finetuning"), ("random_start", "random_start")],
    ],
)
def test_a_damaged_model_is_one_sentence_that_names_the_stage(tmp_path: Path, tiny: str, name: str, stage: str) -> None:
    made = context(tmp_path, tiny)
    path = made.models / f"{name}.safetensors"
    if name != "dbn":
        made.save_network(name, FeedForward([64, 7, 10], torch.relu, Random(3)), {})
    whole = path.read_bytes()
    for damaged in (b"", whole[:-9], b"torn" * 50, whole.replace(b'"model', b'"medal'), None):
        path.unlink() if damaged is None else path.write_bytes(damaged)
        with pytest.raises(DeepBeliefError) as raised:
            made.dbn if name == "dbn" else made.network(name)
        assert str(raised.value).startswith(str(path))
        record = tmp_path / "stages" / f"{stage}.json"
        assert str(raised.value).endswith(
            f": delete {record} and give the same command again, which trains it anew, to the same weights, and keeps "
            "all other results."
        )


def test_the_rbm_with_labels_stops_by_held_out_images(tmp_path: Path, tiny: str) -> None:
    ends = []
    for patience in (0, 1):
        text = tiny.replace("persistent_chains = 20", f"persistent_chains = 20\npatience = {patience}")
        listener = Listener()
        text = text.replace("epochs = 2", "epochs = 30")
        _of_each_class(context(tmp_path / str(patience), text, listener), Findings())
        ends.append(sum("RBM with labels, epoch" in line for line in listener.lines))
        load_labelled_dbn(tmp_path / str(patience) / "models" / "labelled.safetensors")
    assert ends[0] == 30
    assert ends[1] < 30


def test_full_batches_are_logged_at_every_hundredth_step_and_the_last(tmp_path: Path, tiny: str) -> None:
    """Also where the last one is a hundredth."""
    for steps, logged in ((200, [1, 101, 200]), (120, [1, 101, 120])):
        text = tiny.replace("steps = 150", f"steps = {steps}")
        assert text != tiny
        found = readouts(context(tmp_path / str(steps), text))
        assert {name for name in found.metrics if name.startswith("loss/readout_1@")} == {
            f"loss/readout_1@{step}" for step in logged
        }
        assert found.arrays["readout_1/step"].tolist() == list(range(1, steps + 1))


def test_fantasies_are_those_of_the_stage_s_own_random_numbers(tmp_path: Path, tiny: str) -> None:
    made = context(tmp_path, tiny)
    section = made.recipe.generation
    expected = fantasies(made.dbn, section.fantasies, made.random("generation"), section.steps)
    found = generation(made).arrays["fantasies"]
    np.testing.assert_array_equal(found, made.picture(expected))
