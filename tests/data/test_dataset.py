"""Images, features and data sets: batches, splits, fingerprints, and what they refuse."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.data import Dataset, Images, Source, TensorSource, evenly_spaced, in_batches
from deepbelief.errors import DataError, SettingsError


def some_images(n: int = 30, width: int = 6, classes: int = 3) -> Images:
    pixels = (torch.arange(n * width) % 256).to(torch.uint8).reshape(n, width)
    return Images(pixels, 255, torch.arange(n) % classes)


def some_dataset(n: int = 30, classes: int = 3) -> Dataset:
    names = tuple("abcdefghij"[:classes])
    return Dataset("some", some_images(n, classes=classes), some_images(9, classes=classes), (2, 3), names)


@given(st.integers(1, 20), st.integers(1, 8), st.sampled_from([1.0, 16.0, 255.0]), st.integers(0, 2**31))
def test_batches_are_pixels_over_maximum(n, width, maximum, seed):
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, int(maximum) + 1, (n, width), generator=generator).to(torch.uint8)
    images: Source = Images(pixels, maximum)
    rows = torch.randint(0, n, (5,), generator=generator)
    assert (len(images), images.width) == (n, width)
    assert torch.equal(images.batch(rows), pixels[rows].float() / maximum)
    assert torch.equal(images.batch(slice(1, None, 2)), pixels[1::2].float() / maximum)
    assert images.batch(rows).dtype == torch.float32


def test_batches_ignore_torchs_default_type():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert some_images().batch(slice(0, 2)).dtype == torch.float32
    finally:
        torch.set_default_dtype(before)


def test_a_batch_of_float_images_is_a_copy():
    pixels = torch.rand(4, 3)
    before = pixels.clone()
    Images(pixels, 1.0).batch(slice(0, 4)).zero_()
    assert torch.equal(pixels, before)


def test_subset_keeps_labels_and_type():
    images = some_images()
    part = images.subset(torch.tensor([4, 0, 4]))
    assert part.pixels.dtype == torch.uint8
    assert torch.equal(part.pixels, images.pixels[[4, 0, 4]])
    assert part.required_labels().tolist() == [1, 0, 1]
    assert Images(images.pixels, 255).subset(torch.tensor([1])).labels is None
    assert len(images.subset(torch.empty(0, dtype=torch.int64))) == 0


def test_to_device():
    moved = some_images().to("cpu")
    assert moved.pixels.device.type == "cpu" and moved.labels is not None
    assert Images(torch.zeros(1, 1), 1.0).to("cpu").labels is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_batches_on_a_gpu_take_rows_from_either_side():
    images = some_images()
    moved = images.to("cuda")
    assert moved.pixels.is_cuda and moved.required_labels().is_cuda
    rows = torch.tensor([3, 1])
    assert torch.equal(moved.batch(rows).cpu(), images.batch(rows))
    assert torch.equal(images.batch(rows.cuda()), images.batch(rows))
    assert torch.equal(moved.subset(rows).pixels.cpu(), images.subset(rows).pixels)


@pytest.mark.parametrize(
    ("pixels", "maximum", "labels", "fault"),
    [
        (torch.zeros(2, 3, 3), 1.0, None, "have the shape"),
        (torch.zeros(2, 3, dtype=torch.float64), 1.0, None, "have the type torch.float64"),
        (torch.tensor([[0.0, 1.5]]), 1.0, None, "range from 0 to 1.5"),
        (torch.tensor([[-0.1, 0.5]]), 1.0, None, "range from -0.1"),
        (torch.tensor([[0.5, float("nan")]]), 1.0, None, "range from nan"),
        (torch.tensor([[17]], dtype=torch.uint8), 16.0, None, "from 0 to 16"),
        (torch.zeros(2, 3), 1.0, torch.tensor([1]), "2 images but 1 labels"),
        (torch.zeros(2, 3), 1.0, torch.tensor([[1], [1]]), "labels have the shape"),
        (torch.zeros(2, 3), 1.0, torch.tensor([0.0, 1.0]), "labels have the shape"),
    ],
)
def test_images_refuse(pixels, maximum, labels, fault):
    with pytest.raises(DataError, match=fault):
        Images(pixels, maximum, labels)


REAL = torch.tensor([[-3.5, 1e9], [0.25, 40.0], [7.0, -0.125]])


def test_real_values_are_kept_as_they_are():
    images: Source = Images(REAL, 1.0, torch.tensor([0, 1, 0]), real=True)
    rows = torch.tensor([2, 0])
    assert torch.equal(images.batch(rows), REAL[rows])
    assert torch.equal(images.reader(3, torch.float32)(slice(0, 2)), REAL[:2])
    for derived in (images.subset(rows), images.to("cpu").subset(rows)):
        assert derived.real and torch.equal(derived.batch(slice(None)), REAL[rows])
        assert derived.required_labels().tolist() == [0, 0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_real_values_are_finite(bad):
    with pytest.raises(DataError, match="NaN or infinite"):
        Images(torch.tensor([[0.5, bad]]), 1.0, real=True)


@pytest.mark.parametrize("pixels, maximum", [(torch.zeros(1, 2, dtype=torch.uint8), 1.0), (torch.zeros(1, 2), 2.0)])
def test_real_values_are_never_scaled(pixels, maximum):
    with pytest.raises(DataError, match=r"give torch\.float32 and the maximum 1"):
        Images(pixels, maximum, real=True)


def test_bounds_are_those_of_the_training_values():
    assert some_dataset().bounds == (0.0, 1.0)
    train, test = (Images(values, 1.0, torch.tensor([0, 1, 0]), real=True) for values in (REAL, 9 * REAL))
    assert Dataset("real", train, test, (2,), ("a", "b")).bounds == (-3.5, 1e9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("rows", [slice(2, 5), torch.tensor([4, 0, 3]), torch.tensor([1])])
def test_readers_give_what_batches_give(rows, dtype):
    for source in (some_images(), TensorSource(torch.rand(7, 4)), TensorSource(torch.rand(7, 4, dtype=torch.float64))):
        read, rounding = source.reader(3, dtype), 2 * max(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps)
        for asked in (slice(0, 3), rows):
            torch.testing.assert_close(read(asked), source.batch(asked).to(dtype), rtol=rounding, atol=0)


def test_required_labels():
    with pytest.raises(DataError, match="no labels"):
        Images(torch.zeros(1, 1), 1.0).required_labels()


def test_features():
    values = torch.rand(7, 4, dtype=torch.float64)
    features: Source = TensorSource(values)
    assert (len(features), features.width) == (7, 4)
    assert torch.equal(features.batch(torch.tensor([6, 2])), values[[6, 2]])
    assert torch.equal(features.batch(slice(2, 4)), values[2:4])
    for bad in (torch.zeros(3), torch.zeros(3, 3, 1)):
        with pytest.raises(DataError, match="features have the shape"):
            TensorSource(bad)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"train": some_images(0)}, "training images are empty"),
        ({"test": some_images(0)}, "test images are empty"),
        ({"train": Images(torch.zeros(3, 6), 1.0)}, "training images have no labels.*or no labels at all"),
        ({"test": Images(torch.zeros(3, 6), 1.0)}, "test images have no labels"),
        ({part: Images(torch.zeros(3, 6), 1.0) for part in ("train", "test")}, "training images have no labels"),
        ({"test": some_images(width=7)}, "6 values each but the test images 7"),
        ({"image_shape": (2, 2)}, "does not fit the shape"),
        ({"class_names": ("a", "b")}, "range from 0 to 2 but there are 2 class names"),
        ({"test": Images(torch.zeros(1, 6), 1.0, torch.tensor([-1]))}, "test labels range from -1"),
        ({"test": Images(torch.zeros(1, 6), 1.0, torch.tensor([0]), real=True)}, "grey .* but the test images real"),
    ],
)
def test_datasets_refuse(changes, fault):
    with pytest.raises(DataError, match=fault):
        dataclasses.replace(some_dataset(), **changes)


def test_fingerprint_of_grey_images_stays_what_it_was():
    assert some_dataset().fingerprint == "2d344f84bbb07c7889f509fed3144679f2261b15fd767122c3fc777fe1320c1b"


def test_fingerprint_without_labels_follows_the_pixels():
    one, other = Images(torch.zeros(2, 1), 1.0), Images(torch.ones(2, 1), 1.0)
    prints = {Dataset("a", *parts, (1,)).fingerprint for parts in ((one, one), (one, other), (other, one))}
    assert len(prints) == 3


def test_fingerprint_follows_every_part_of_the_data():
    dataset = some_dataset()
    assert dataset.fingerprint == some_dataset().fingerprint
    assert len(dataset.fingerprint) == 64
    pixels = dataset.train.pixels.clone()
    pixels[3, 3] += 1
    others = [
        dataclasses.replace(dataset, train=Images(pixels, 255, dataset.train.labels)),
        dataclasses.replace(dataset, test=Images(dataset.test.pixels, 255, dataset.test.required_labels().flip(0))),
        dataclasses.replace(dataset, image_shape=(3, 2)),
        dataclasses.replace(dataset, train=dataset.test, test=dataset.train),
    ]
    assert len({dataset.fingerprint, *(other.fingerprint for other in others)}) == 5
    grey = Images(torch.eye(6), 1.0, torch.arange(6) % 3)
    real = dataclasses.replace(grey, real=True)
    assert dataclasses.replace(dataset, train=grey, test=grey).fingerprint != (
        dataclasses.replace(dataset, train=real, test=real).fingerprint
    )
    # Not part of the data: what they are called.
    assert dataclasses.replace(dataset, name="other").fingerprint == dataset.fingerprint


@given(st.integers(2, 5), st.integers(4, 12), st.data(), st.integers(0, 2**32 - 1))
def test_split_is_stratified_disjoint_and_deterministic(classes, per_class, data, seed):
    # Every row is told by its pixels.
    n = classes * per_class
    pixels = torch.arange(n).to(torch.uint8).reshape(n, 1)
    images = Images(pixels, 255, torch.arange(n) % classes)
    dataset = Dataset("rows", images, images, (1,), tuple("abcde"[:classes]))
    validation = data.draw(st.integers(classes, n - classes))
    train, aside = dataset.split(validation, seed)
    assert (len(train), len(aside)) == (n - validation, validation)
    assert sorted(train.pixels.flatten().tolist() + aside.pixels.flatten().tolist()) == list(range(n))
    assert torch.equal(aside.required_labels(), aside.pixels.flatten().long() % classes)
    counts = aside.required_labels().bincount(minlength=classes)
    assert counts.max() - counts.min() <= 1  # classes are equally common
    again = dataset.split(validation, seed)
    assert torch.equal(again[0].pixels, train.pixels) and torch.equal(again[1].pixels, aside.pixels)


def test_split_depends_on_its_seed_and_on_nothing_global():
    dataset = some_dataset()
    torch.manual_seed(1)
    first = dataset.split(9, seed=5)[1].pixels
    torch.manual_seed(2)
    assert torch.equal(dataset.split(9, seed=5)[1].pixels, first)
    assert not torch.equal(dataset.split(9, seed=6)[1].pixels, first)


def test_split_of_nothing_keeps_the_order():
    dataset = some_dataset()
    train, aside = dataset.split(0, seed=3)
    assert torch.equal(train.pixels, dataset.train.pixels)
    assert len(aside) == 0 and aside.width == 6 and len(aside.required_labels()) == 0
    assert aside.batch(slice(None)).shape == (0, 6)


@pytest.mark.parametrize("validation", [-1, 1, 2, 28, 30, 31, 10**6])
def test_split_refuses_impossible_sizes(validation):
    with pytest.raises(SettingsError, match="use 0, or from 3 to 27"):
        some_dataset().split(validation, seed=0)


@given(st.integers(2, 30), st.data(), st.integers(0, 2**32 - 1))
def test_split_without_labels_is_random_disjoint_and_deterministic(n, data, seed):
    images = Images(torch.arange(n).to(torch.uint8).reshape(n, 1), 255)
    dataset = Dataset("rows", images, images, (1,))
    validation = data.draw(st.integers(1, n - 1))
    train, aside = dataset.split(validation, seed)
    assert (len(train), len(aside), aside.labels) == (n - validation, validation, None)
    assert sorted(train.pixels.flatten().tolist() + aside.pixels.flatten().tolist()) == list(range(n))
    assert torch.equal(dataset.split(validation, seed)[1].pixels, aside.pixels)


def test_split_without_labels_follows_its_seed_and_refuses_impossible_sizes():
    images = Images(torch.arange(30).float()[:, None] / 30, 1.0)
    dataset = Dataset("rows", images, images, (1,))
    assert not torch.equal(dataset.split(9, seed=5)[1].pixels, dataset.split(9, seed=6)[1].pixels)
    for validation in (-1, 30):
        with pytest.raises(SettingsError, match="use 0, or from 1 to 29, so that there are images on both sides"):
            dataset.check_split(validation, seed=0)
    single = images.subset(torch.tensor([0]))
    with pytest.raises(SettingsError, match="rows has a single training image, so none can be set aside"):
        dataclasses.replace(dataset, train=single).check_split(1, seed=0)
    assert len(dataclasses.replace(dataset, train=single).split(0, seed=0)[0]) == 1


def test_split_refuses_lonely_images_and_wild_seeds():
    images = Images(torch.zeros(5, 1), 1.0, torch.tensor([0, 0, 0, 0, 1]))
    with pytest.raises(SettingsError, match="single training image"):
        Dataset("five", images, images, (1,), ("a", "b")).split(2, seed=0)
    for seed in (-1, 2**32):
        with pytest.raises(SettingsError, match="seed"):
            some_dataset().split(9, seed=seed)


def test_a_source_is_read_in_batches() -> None:
    values = torch.arange(14.0).view(7, 2)
    found = list(in_batches(TensorSource(values), 3))
    assert [len(batch) for batch in found] == [3, 3, 1]
    assert torch.equal(torch.cat(found), values)
    assert list(in_batches(TensorSource(values[:0]), 3)) == []


def test_some_items_come_from_all_over_a_source() -> None:
    values = TensorSource(torch.arange(7.0).view(7, 1))
    for items, found in ((3, [0, 2, 4]), (7, [0, 1, 2, 3, 4, 5, 6]), (14, [i // 2 for i in range(14)]), (0, [])):
        assert evenly_spaced(values, items).flatten().tolist() == found
