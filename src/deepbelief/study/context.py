"""The context of the stages of one seed: settings, images, models, random numbers and resumable training."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar, final

import torch
from torch import Tensor, nn

from deepbelief.arrays import Classifier
from deepbelief.checkpoint import UnusableFileError, load_dbn, load_network, load_state, save_dbn, save_model
from deepbelief.data import Dataset, Images, Source
from deepbelief.data.image_source import ImageSource
from deepbelief.data.split import choose_rows
from deepbelief.errors import DeepBeliefError
from deepbelief.learning.backprop.readout import predictions
from deepbelief.learning.resumption import Record, Resumable, resume, saving
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.rbm import RBM
from deepbelief.models.views import Standardised
from deepbelief.randomness import Random
from deepbelief.robustness.attacks.fgsm import gradient_sign
from deepbelief.robustness.attacks.pgd import pgd
from deepbelief.study.checks import split
from deepbelief.study.features import features_of
from deepbelief.study.loading import classifiers
from deepbelief.study.progress import StudyProgress
from deepbelief.study.recipe import Recipe
from deepbelief.study.records import Arrays
from deepbelief.system.compilation import Compiler
from deepbelief.system.precision import Precision
from deepbelief.system.processes import here
from deepbelief.watching import Log, MetricsLog, TensorBoardLog, follow

# The stages that train networks which are no linear read-outs.
_TRAINED_IN: Final = {
    "ffnn": "baseline",
    "finetuned": "finetuning",
    "mlp_head": "mlp_head",
    "random_start": "random_start",
}

ADDED: Final = "network_"
"""What a stage is called that trains a network beside those of the recipe, before the network's name."""

Module = TypeVar("Module", bound=nn.Module)


@dataclass
class Findings:
    """The results of a stage: metrics are averaged over seeds, facts are not; arrays are for pictures."""

    metrics: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)
    headline: str = ""


@final
@dataclass(eq=False, repr=False)
class Context:
    """One seed of a study."""

    recipe: Recipe
    dataset: Dataset
    seed: int
    device: torch.device
    precision: Precision
    folder: Path
    progress: StudyProgress
    finished: Path | None = None
    """The folder of this seed of a finished study, whose models are used where `folder` has none of that name."""
    compiler: Compiler | None = None
    """Compiles the steps of pre-training; None: nothing is compiled."""
    tensorboard: bool = False
    """Whether trainings write event files for TensorBoard, too."""
    board: TensorBoardLog | None = field(default=None, init=False)
    """The log for TensorBoard of the training at work."""
    earlier_seconds: float = field(default=0.0, init=False)
    """Spent on the current stage before an interruption."""
    started: float = field(default_factory=time.perf_counter, init=False)
    _signs: dict[str, Tensor] = field(default_factory=dict, init=False)
    _worst: dict[tuple[str, float], Tensor] = field(default_factory=dict, init=False)

    def random(self, stream: str) -> Random:
        """The stream of random numbers of this name: a stage gets the same numbers whatever ran before."""
        return Random(self.seed, stream, self.device)

    # The images, on the device.

    @cached_property
    def _split(self) -> tuple[ImageSource, Images]:
        training, held_out = split(self.recipe, self.dataset, self.seed)
        return training.to(self.device), held_out.to(self.device)

    @property
    def training(self) -> ImageSource:
        """The training images without the held-out ones, in memory or in files."""
        return self._split[0]

    @property
    def held_out(self) -> Images:
        """The validation images, taken from the training images; there may be none."""
        return self._split[1]

    @cached_property
    def test(self) -> Images:
        """The test images: only for reporting, never for a choice."""
        return self.dataset.test.to(self.device)

    @cached_property
    def test_pixels(self) -> Tensor:
        """All test images at once, (n, width) in [0, 1], in the models' type."""
        return self.test.batch(slice(0, len(self.test))).to(self.precision.parameters)

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value of the data, the limits of noise and attacks."""
        low, high = self.dataset.bounds
        return low, high if high > low else low + 1.0  # data of a single value have no range

    @property
    def span(self) -> float:
        """The distance between the `bounds`: levels of noise and attacks are shares of it."""
        low, high = self.bounds
        return high - low

    def standardised(self, source: Source) -> Source:
        """The source as the DBN's first RBM sees it; feed-forward networks learn from the same values."""
        scaling = self.dbn.standardisation
        return source if scaling is None else Standardised(source, scaling)

    @property
    def labelled(self) -> bool:
        """Whether the images have labels."""
        return self.dataset.labelled

    @property
    def classes(self) -> int:
        """Number of classes; 0 where the images have no labels."""
        return len(self.dataset.class_names)

    def picture(self, values: Tensor) -> Any:
        """(..., width) values of the data as `shaped` images, from 0 at the lower of the `bounds` to 1 at the upper."""
        return self.shaped((values - self.bounds[0]) / self.span)

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of an image; values that are none are a single row."""
        shape = self.dataset.image_shape
        return shape[-2] if len(shape) > 1 else 1, shape[-1]

    def shaped(self, values: Tensor) -> Any:
        """(..., width) values as a NumPy array of images, (..., height, width)."""
        return values.detach().cpu().reshape(*values.shape[:-1], *self.image_shape).numpy()

    # The models, loaded from the run's folder when first asked for.

    @property
    def writes(self) -> bool:
        """Whether this process writes; of several together only the first does."""
        return here().is_first

    @property
    def models(self) -> Path:
        """The folder of the models that are trained here."""
        return self.folder / "models"

    @property
    def checkpoints(self) -> Path:
        """The folder of the states of a training that is not finished."""
        return self.folder / "checkpoints"

    @cached_property
    def dbn(self) -> DBN:
        """The pre-trained network."""
        return self._model("dbn", load_dbn, "pretraining")

    @cached_property
    def features(self) -> list[Source]:
        """Hidden means of the training images at every layer, from layer 1 up: (n, units) each."""
        return features_of(self.dbn, self.training, self.folder, self)

    @cached_property
    def held_out_features(self) -> list[Source]:
        """The same of the held-out images."""
        return features_of(self.dbn, self.held_out, self.folder, self)

    @cached_property
    def dbn_epochs(self) -> list[int]:
        """Of each layer of the pre-trained network, the epoch after which its parameters were kept."""
        epochs: list[int] = load_state(self.models / "dbn.safetensors").progress["epochs"]
        return epochs

    @property
    def snapshots(self) -> Path:
        """The folder of layers as they were during pre-training, which is there until the study is finished."""
        return self.models / "snapshots"

    def save_snapshot(self, dbn: DBN, layer: int, epoch: int) -> None:
        """Save a layer of a DBN as it is after this epoch of its training, for `snapshot` to load."""
        if self.writes:
            save_dbn(self.snapshots / f"layer_{layer}_epoch_{epoch}.safetensors", DBN([dbn.layer(layer)]))

    def snapshot(self, layer: int, epoch: int) -> RBM:
        """A layer as it was after an epoch of its training."""
        return self._model(f"{self.snapshots.name}/layer_{layer}_epoch_{epoch}", load_dbn, "pretraining").layer(1)

    def save_network(self, name: str, network: FeedForward, training: dict[str, Any]) -> None:
        """Save a network, for `network` to load, with how it was trained."""
        if self.writes:
            save_model(self.models / f"{name}.safetensors", network, training=[training])

    def network(self, name: str) -> FeedForward:
        """A trained network of this run."""
        return self._model(name, load_network, _TRAINED_IN.get(name, "readouts"))

    def _model(self, name: str, load: Callable[[Path], Module], stage: str) -> Module:
        """A model that an earlier stage has saved, on the device."""
        folder = self.folder
        if self.finished is not None:
            own = (self.models / f"{name}.safetensors").exists()
            folder, stage = (folder, f"{ADDED}{name}") if own else (self.finished, stage)
        try:
            return load(folder / "models" / f"{name}.safetensors").to(self.device).requires_grad_(False)
        except UnusableFileError as error:
            record = folder / "stages" / f"{stage}.json"
            raise DeepBeliefError(
                f"{error.fault}: delete {record} and give the same command again, which trains it anew, to the same "
                "weights, and keeps all other results."
            ) from error

    @cached_property
    def contestants(self) -> dict[str, Classifier]:
        """The trained classifiers by name, each a differentiable function from images to logits."""
        return classifiers(self.recipe, self.dbn, self.network)

    def predictions(self, images: Tensor) -> dict[str, Tensor]:
        """Each contestant's predictions for images (n, width), (n,) int64."""
        return predictions(self.dbn, self.contestants, images)

    @cached_property
    def clean_predictions(self) -> dict[str, Tensor]:
        """Each contestant's predictions for the test images, (n,) int64."""
        return self.predictions(self.test_pixels)

    def fgsm_signs(self, name: str) -> Tensor:
        """The signs by which FGSM through a contestant moves each pixel of the test images, (n, width) int8."""
        if name not in self._signs:
            labels = self.test.required_labels()
            self._signs[name] = gradient_sign(self.contestants[name], self.test_pixels, labels).to(torch.int8)
        return self._signs[name]

    @cached_property
    def pgd_rows(self) -> Tensor:
        """The test images for PGD, (images,) int64: a random choice, stratified by class."""
        return choose_rows(self.test.required_labels(), self.recipe.attack.pgd.images, self.random("pgd"))

    def pgd_images(self, name: str, epsilon: float) -> Tensor:
        """The images of `pgd_rows` after PGD through a contestant, (images, width); epsilon is a share of the range."""
        if (name, epsilon) not in self._worst:
            self._worst[name, epsilon] = self.pgd(self.contestants[name], name, self.pgd_rows, epsilon)
        return self._worst[name, epsilon]

    def pgd(self, classifier: Classifier, name: str, rows: Tensor, epsilon: float) -> Tensor:
        """Some test images after PGD through any classifier, whose name sets the random numbers; (rows, width)."""
        images, labels = self.test_pixels[rows], self.test.required_labels()[rows]
        if not epsilon:
            return images
        steps, random = self.recipe.attack.pgd.steps, self.random(f"pgd/{name}@{epsilon:g}")
        return pgd(classifier, images, labels, epsilon * self.span, steps, random, self.bounds)

    def accuracies(self, images: Tensor, suffix: str) -> dict[str, float]:
        """Metrics `accuracy/<contestant><suffix>` for perturbed test images, or for `test_pixels` themselves."""
        labels = self.test.required_labels()
        predicted = self.clean_predictions if images is self.test_pixels else self.predictions(images)
        return {f"accuracy/{name}{suffix}": share(guess == labels) for name, guess in predicted.items()}

    def train(self, name: str, training: Resumable[Record]) -> Iterator[Record]:
        """Run a training to its end, with checkpoints; it continues from one of the same name if there is one."""
        path = self.checkpoints / f"{name}.safetensors"
        if here().first_says(path.exists()):
            self.earlier_seconds = max(self.earlier_seconds, resume(path, training))
        folder = self.folder / "watch" / name
        with (
            TensorBoardLog(folder, self.image_shape)
            if self.tensorboard and self.writes
            else nullcontext() as self.board
        ):
            logs: list[Log] = [*([MetricsLog(folder)] if self.writes else []), *([self.board] if self.board else [])]
            yield from saving(path, training, follow(training, *logs), self.seconds)

    def seconds(self) -> float:
        """Time spent on the current stage, without interruptions."""
        return self.earlier_seconds + time.perf_counter() - self.started

    def start_clock(self) -> None:
        """A stage begins."""
        self.earlier_seconds, self.started = 0.0, time.perf_counter()


def share(hits: Tensor) -> float:
    """The fraction of true values."""
    return float(hits.double().mean())
