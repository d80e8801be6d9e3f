"""Steps that are recorded once and replayed: the schedule, and that nothing but speed depends on it."""

from collections.abc import Callable

import pytest
import torch

from deepbelief.checkpoint import load_state, save_state
from deepbelief.data import Images, Rows
from deepbelief.learning.rbm.cuda_graph import Replayed
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.models.dbn import DBN
from deepbelief.randomness import Random


def test_the_first_step_runs_the_second_is_recorded_and_ragged_ones_run() -> None:
    done: list[list[int]] = []
    recorded = []

    def step(rows: Rows) -> None:
        assert isinstance(rows, torch.Tensor)
        done.append(rows.tolist())

    def capture(work: Callable[[], None], random: Random) -> Callable[[], None]:
        recorded.append(work)  # as CUDA does, without running it
        return work

    replayed = Replayed(step, 2, Random(0), capture)
    for rows in ([4, 5], [0, 1], [2, 3], [6]):
        replayed(torch.tensor(rows))
    assert done == [[4, 5], [0, 1], [2, 3], [6]]
    assert len(recorded) == 1


def test_what_is_replayed_looks_at_the_new_rows_in_the_same_memory() -> None:
    seen = []
    replayed = Replayed(lambda rows: seen.append(rows.data_ptr()), 2, Random(0), lambda work, random: work)  # type: ignore[union-attr]
    for _ in range(3):
        replayed(torch.tensor([0, 1]))
    assert len(set(seen)) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize(
    "settings", [RBMSettings(epochs=4, batch_size=64), RBMSettings(epochs=4, persistent_chains=32)]
)
def test_training_on_a_gpu_learns_and_goes_on_exactly(tmp_path: object, settings: RBMSettings) -> None:
    images = Images(Random(0).uniform((1000, 30), 0, 255.99).to(torch.uint8), 255).to("cuda")

    def job() -> tuple[DBN, Pretraining]:
        random = Random(1, device="cuda")
        dbn = DBN.from_sizes([30, 20], random)
        return dbn, Pretraining(dbn, images, [settings], random=random)

    whole, training = job()
    records = list(training.epochs())
    assert records[-1].reconstruction_error < records[0].reconstruction_error
    _, interrupted = job()
    next(interrupted.epochs())
    save_state(tmp_path / "state", interrupted.state())  # type: ignore[operator]
    resumed, going_on = job()
    going_on.restore(load_state(tmp_path / "state"))  # type: ignore[operator]
    list(going_on.epochs())
    assert torch.equal(whole.layer(1).weights, resumed.layer(1).weights)
