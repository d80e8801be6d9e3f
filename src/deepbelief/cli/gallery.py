"""Draws samples of a model in a file: fantasies, completed images, and interpolations between two images."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

import torch
from torch import Tensor

from deepbelief.checkpoint import load_dbn, load_state
from deepbelief.cli.inputs import labelled_model
from deepbelief.cli.pictures import check_ending, grid, write_picture
from deepbelief.data import Images
from deepbelief.errors import SettingsError
from deepbelief.models import DBN, LabelledDBN
from deepbelief.progress import Progress
from deepbelief.randomness import Random
from deepbelief.sampling import (
    chain,
    fantasy_frames,
    inpainting_frames,
    interpolate,
    labelled_fantasies,
    labelled_frames,
)

Task = Literal["fantasies", "classes", "chains", "inpainting", "interpolation"]

PARTS: Final = ("top", "bottom", "left", "right", "centre", "border", "random")
"""The names that `known_part` takes."""

_NUMBER: Final = {"fantasies": 64, "classes": 8, "chains": 16, "inpainting": 16, "interpolation": 8}
_STEPS: Final = {"fantasies": 1000, "classes": 1000, "chains": 1000, "inpainting": 200, "interpolation": 10}
_FRAMES: Final = 60  # of an animation, at most
_MOST_IMAGES: Final = 10_000
_MOST_PIXELS: Final = 16_384  # on a side of a picture
_COLUMNS: Final = 8
_WIDE: Final = {"still": 900, "moving": 450}  # pixels that a picture comes near to; an animation has many of them


@final
@dataclass(frozen=True)
class SampleSettings:
    """The picture to draw, with defaults that depend on the task.

    ``number``: of fantasies, images or ways between two images. ``steps``: of the Markov chains, or images on each
    way. ``seed``: of the chains and of the images that are chosen. ``samples``: draw binary (or whatever the units
    are) samples instead of means; for classes, of hidden units. ``known``: one of `PARTS`. ``items``: positions of the
    images; at random if None. ``labels``: the classes to draw, numbers from 0, `number` images of each; all of them if
    empty. ``candidates``: chains for each image of a class, of whose ends the one is drawn that the model is surest of.
    ``columns``: images in a line. ``image_shape``: what the model's file says, else a square.

    Raises:
        SettingsError: a number is too small, a name is unknown, or a setting has no meaning for the task.
    """

    task: Task = "fantasies"
    number: int | None = None
    steps: int | None = None
    seed: int = 0
    samples: bool = False
    known: str | None = None
    items: tuple[int, ...] | None = None
    columns: int | None = None
    labels: tuple[int, ...] = ()
    candidates: int = 1
    image_shape: tuple[int, ...] | None = None

    @property
    def chosen_steps(self) -> int:
        """The steps, or as many as are usual for the task."""
        return self.steps or _STEPS[self.task]

    @property
    def every(self) -> int:
        """How many steps of a chain there are from one frame to the next."""
        return math.ceil(self.chosen_steps / _FRAMES)

    def __post_init__(self) -> None:
        counts = {
            "number": self.number,
            "steps": self.steps,
            "columns": self.columns,
            "candidates": self.candidates,
        }
        for name, value in counts.items():
            if value is not None and value < 1:
                raise SettingsError(f"{name} is at least 1, not {value}.")
        if (self.number or 0) > _MOST_IMAGES:
            raise SettingsError(f"number is at most {_MOST_IMAGES:,}, not {self.number:,}.")
        if self.known is not None and self.task != "inpainting":
            raise SettingsError("a part is known only in in-painting: give --known with --inpaint.")
        if self.known is not None and self.known not in PARTS:
            raise SettingsError(f"there is no part {self.known!r} of an image: give one of {', '.join(PARTS)}.")
        if self.items and (self.task == "fantasies" or self.number is not None):
            raise SettingsError("items choose the images of --from, --inpaint or --interpolate: leave --number out.")
        if self.task == "classes" and (self.columns is not None or self.items):
            raise SettingsError("--labels draws a line for each class: leave columns and items out.")
        if self.task != "classes" and self.candidates > 1:
            raise SettingsError("candidates are compared by a model with labels: give --candidates with --labels.")
        if self.task == "interpolation":
            if self.items and len(self.items) % 2:
                raise SettingsError(f"ways between images need pairs of items, not {len(self.items)} items.")
            if self.samples or self.columns is not None:
                raise SettingsError("a way between two images has no samples and a line of its own: leave them out.")


def task_of(
    chains: str | None = None,
    inpainting: str | None = None,
    interpolation: str | None = None,
    labels: str | None = None,
) -> tuple[Task, str | None]:
    """The one task for which data are named, and their name; `SettingsError` if they are named for several."""
    named: dict[Task, str | None] = {"chains": chains, "inpainting": inpainting, "interpolation": interpolation}
    given = [task for task, name in (named | {"classes": labels}).items() if name is not None]
    if len(given) > 1:
        raise SettingsError("--from, --inpaint, --interpolate and --labels are different pictures: give one of them.")
    return (given[0], named.get(given[0])) if given else ("fantasies", None)


def draw_samples(
    model: Path,
    out: Path,
    settings: SampleSettings,
    images: Images | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> int:
    """Draw what a model makes up (or makes of images) into a .png, or how it comes about into a .gif or .apng.

    Values from 0 to 1 are shown from black to white. Those of a model whose visible units have no such bounds are
    shown from the lowest (black) to the highest (white) that occurs in the picture, in all of its frames.

    Returns how many frames were written.

    Raises:
        SettingsError: the file has another ending, or settings, model and images do not fit together.
        DeepBeliefError: the model cannot be read.
    """
    check_ending(out)
    labelled = labelled_model(model).to(device).requires_grad_(False) if settings.task == "classes" else None
    dbn = load_dbn(model).to(device).requires_grad_(False) if labelled is None else labelled.below
    shape = _image_shape(model, dbn, settings.image_shape)
    if images is not None and images.width != dbn.sizes[0]:
        raise SettingsError(f"the DBN sees {dbn.sizes[0]} values, the images have {images.width}: make them equal.")
    moving = out.suffix.lower() != ".png"
    if moving and settings.candidates > 1:
        raise SettingsError("of several candidates one is drawn, whose way is no film: give --out a .png.")
    kept: list[Tensor] = []
    steps = _steps(settings, moving)
    frames = _frames(dbn, shape, settings, images, moving) if labelled is None else _of_classes(labelled, settings)
    for number, cells in enumerate(frames, 1):
        scale = _scale(cells, shape, _WIDE["moving" if moving else "still"])  # too large is too large at once
        kept = [*kept, cells] if moving else [cells]
        if progress is not None:
            progress("Sampling", min(number * settings.every, steps), steps)
    columns, bounds = kept[0].shape[1], (0.0, 1.0) if dbn.layer(1).visible.highest <= 1 else _range(kept)
    write_picture(out, [grid(cells.flatten(0, 1).cpu().numpy(), shape, columns, scale, bounds) for cells in kept])
    return len(kept)


def _range(frames: Sequence[Tensor]) -> tuple[float, float]:
    """The lowest and the highest value that is shown; where all are the same, it is the lowest."""
    ends = [cells[~cells.isnan()].aminmax() for cells in frames]
    low, high = min(float(end.min) for end in ends), max(float(end.max) for end in ends)
    return low, high if high > low else low + max(1.0, abs(low))


def _steps(settings: SampleSettings, moving: bool) -> int:
    """The steps of the task; a way between images that moves has one for each frame."""
    if settings.task == "interpolation" and moving and settings.steps is None:
        return _FRAMES
    return settings.chosen_steps


def _scale(cells: Tensor, shape: Sequence[int], wide: int) -> int:
    """How many times to enlarge the images, so that the picture is about `wide` pixels wide, and not too high."""
    high, long = (1, *shape)[-2:]  # a vector is a row of pixels
    height, width = cells.shape[0] * (high + 1), cells.shape[1] * (long + 1)
    most = _MOST_PIXELS // max(height, width)
    if not most:
        raise SettingsError(
            f"the picture would be {width}x{height} pixels, more than {_MOST_PIXELS:,} a side: give fewer images, or "
            "other --columns."
        )
    return max(1, min(most, round(wide / width)))


def known_part(name: str, image_shape: Sequence[int], random: Random) -> Tensor:
    """Which pixels of an image are known, by the name of the part, one of `PARTS`: bool, (width,).

    A half of the image, the middle quarter ("centre"), all but that ("border"), or every pixel with probability 1/2
    ("random").

    Raises:
        SettingsError: the part is unknown, or is nothing or all of so small an image.

    >>> known_part("left", (2, 4), Random(0)).tolist()
    [True, True, False, False, True, True, False, False]
    """
    height, width = (1, *image_shape)[-2:]
    row, column = torch.arange(height)[:, None].expand(height, width), torch.arange(width).expand(height, width)
    centre = (row >= height // 4) & (row < height - height // 4)
    centre = centre & (column >= width // 4) & (column < width - width // 4)
    parts = {
        "top": row < height // 2,
        "bottom": row >= height - height // 2,
        "left": column < width // 2,
        "right": column >= width - width // 2,
        "centre": centre,
        "border": ~centre,
        "random": random.bernoulli(torch.full((height, width), 0.5)).bool(),
    }
    if name not in parts:
        raise SettingsError(f"there is no part {name!r} of an image: give one of {', '.join(PARTS)}.")
    known = parts[name].flatten()
    if known.all() or not known.any():
        raise SettingsError(f"{name} is no part of a {height}x{width} image: give another of {', '.join(PARTS)}.")
    return known


def _frames(
    dbn: DBN, shape: Sequence[int], settings: SampleSettings, images: Images | None, moving: bool
) -> Iterator[Tensor]:
    """The cells of a picture, (lines, columns, width), NaN where there is no image; one picture for each frame."""
    like = dbn.layer(1).weights
    random = Random(settings.seed, "sampling", like.device)
    steps, samples, every = settings.chosen_steps, settings.samples, settings.every
    if settings.task == "fantasies":
        number = settings.number or _NUMBER[settings.task]
        for frame in fantasy_frames(dbn, number, random, steps, samples=samples, every=every):
            yield _lines([frame], settings.columns or math.ceil(math.sqrt(number)))
        return
    if images is None:
        raise SettingsError(f"{settings.task} needs images.")
    columns, given = settings.columns or _COLUMNS, _chosen(images, settings).to(like)
    if settings.task == "chains":
        for frame in chain(dbn, given, random, betas=[1.0] * steps, samples=samples, every=every):
            yield _lines([given, frame], columns)
    elif settings.task == "inpainting":
        part = settings.known or ("left" if math.prod(shape[:-1]) == 1 else "top")  # a vector has no top
        known = known_part(part, shape, Random(settings.seed, "known")).to(like.device)
        seen = torch.where(known, given, math.nan)
        for frame in inpainting_frames(dbn, given, known, random, steps, samples=samples, every=every):
            yield _lines([given, seen, frame], columns)
    else:
        first, second = given[::2], given[1::2]
        way = interpolate(dbn, first, second, _steps(settings, moving))
        if moving:
            yield from (torch.stack([first, frame, second], dim=1) for frame in way)
        else:
            yield torch.stack([first, *way, second], dim=1)


def _of_classes(model: LabelledDBN, settings: SampleSettings) -> Iterator[Tensor]:
    """A line of images for each class."""
    device, number = model.top.rbm.weights.device, settings.number or _NUMBER["classes"]
    classes = settings.labels or range(model.top.classes)
    if min(classes) < 0 or max(classes) >= model.top.classes:
        raise SettingsError(f"the model knows labels 0 to {model.top.classes - 1}: give --labels among these, or all.")
    labels = torch.tensor(classes, device=device)
    random = Random(settings.seed, "sampling", device)
    wanted = labels.repeat_interleave(number)
    steps, every, samples = settings.chosen_steps, settings.every, settings.samples
    frames: Iterable[Tensor]
    if settings.candidates == 1:
        frames = labelled_frames(model, wanted, random, steps, every, hidden_samples=samples)
    else:
        frames = [
            labelled_fantasies(model, wanted, random, steps, hidden_samples=samples, candidates=settings.candidates)
        ]
    for frame in frames:
        yield frame.view(len(labels), number, -1)


def _lines(rows: Sequence[Tensor], columns: int) -> Tensor:
    """The n items of each row in lines of `columns`, one line of each row in turn: -> (lines, columns, width)."""
    n, width = rows[0].shape
    columns = min(columns, n)
    items = torch.nn.functional.pad(torch.stack(list(rows)), (0, 0, 0, -n % columns), value=math.nan)
    return items.view(len(rows), -1, columns, width).transpose(0, 1).flatten(0, 1)


def _chosen(images: Images, settings: SampleSettings) -> Tensor:
    """The images of the task, (n, width)."""
    each = 2 if settings.task == "interpolation" else 1
    if settings.items is not None:
        if min(settings.items) < 0 or max(settings.items) >= len(images):
            raise SettingsError(f"there are images 0 to {len(images) - 1}: give items among these.")
        return images.batch(torch.tensor(settings.items))
    number = settings.number or min(_NUMBER[settings.task], len(images) // each)
    needed = each * max(1, number)
    if needed > len(images):
        raise SettingsError(f"{needed} images are needed, and there are {len(images)}: give more, or less --number.")
    return images.batch(Random(settings.seed, "items").permutation(len(images))[: number * each])


def _image_shape(model: Path, dbn: DBN, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape given, that of the model's file, or a square."""
    width = dbn.sizes[0]
    side = math.isqrt(width)
    saved = load_state(model).progress.get("image_shape")
    for shape in (saved, (side, side)) if given is None else (given,):
        if shape is not None and len(shape) <= 2 and min(shape) > 0 and math.prod(shape) == width:
            return tuple(shape)
    what = "no shape of its images is known"
    if given is not None:
        what = f"{'x'.join(map(str, given))} is {'another number' if len(given) <= 2 else 'no height and width'}"
    raise SettingsError(f"the model sees {width} values and {what}: give height and width, such as --shape 28x28.")
