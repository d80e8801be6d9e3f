"""What numbers mean as grey values: by their type alone, whatever else is in the file."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepbelief.data import Images
from deepbelief.data.pixels import read_pixels, warn_if_dark
from deepbelief.errors import DataError, DataWarning

GREY = (np.arange(2 * 3 * 4) * 10).astype(np.uint8).reshape(2, 3, 4)


def values_of(array: np.ndarray, real: bool = False) -> torch.Tensor:
    """The values as a model sees them."""
    pixels = read_pixels("x", array, real)
    return Images(pixels.values, pixels.maximum, real=pixels.real).batch(slice(None))


TYPES = ["?", "u1", "i1", "<u2", ">u2", "<i2", ">i4", "<i8", "u8", "<f2", ">f4", "f8"]


@given(
    st.sampled_from(TYPES),
    st.lists(st.integers(0, 65535), min_size=1, max_size=6),
    st.lists(st.integers(0, 65535), min_size=1, max_size=6),
    st.booleans(),
)
def test_a_value_does_not_depend_on_its_neighbours(dtype, numbers, others, real):
    small, large = (np.array(part)[:, None] for part in (numbers, others))
    scale = {"f": 1 / 65535, "b": 1}.get(np.dtype(dtype).kind, 1)
    bound = {"i1": 128, "u1": 256}.get(dtype, 256 if np.dtype(dtype).kind in "iu" and dtype[1:] != "u2" else 65536)
    alone, beside = ((part % bound * scale).astype(dtype) for part in (small, np.concatenate([small, large])))
    assert torch.equal(values_of(alone, real), values_of(beside, real)[: len(alone)])


@pytest.mark.parametrize(("dtype", "white"), [("u1", 255), ("i8", 255), ("u2", 65535), ("?", 1), ("f4", 1)])
def test_a_lonely_1_is_what_its_type_says(dtype, white):
    assert values_of(np.array([[0, 1]], dtype)).tolist() == [[0, np.float32(1 / white)]]


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint32, ">i4"])
def test_whole_numbers_from_0_to_255_are_8_bit(dtype):
    array = (GREY % 128).astype(dtype)
    assert torch.equal(values_of(array), torch.from_numpy(GREY % 128).float().view(2, 12) / 255)


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_uint16_reaches_from_0_to_65535(dtype):
    assert torch.equal(values_of((GREY.astype(np.int64) * 257).astype(dtype)), values_of(GREY))
    assert values_of(np.array([[65535, 255, 0]], dtype)).tolist() == [[1.0, np.float32(255 / 65535), 0.0]]


@pytest.mark.parametrize("array", [GREY[..., None], GREY[:, None], GREY[..., None] / 255, GREY[:, None] > 100])
def test_a_channel_axis_of_1_is_left_out(array):
    pixels = read_pixels("x", array)
    assert pixels.shape == (3, 4)
    assert torch.equal(values_of(array), values_of(array.reshape(2, 3, 4)))


def test_images_of_one_column_or_row_keep_their_shape():
    for shape in ((2, 1, 12), (2, 12, 1)):
        assert read_pixels("x", GREY.reshape(shape)).shape == shape[1:]
        assert read_pixels("x", GREY.reshape(*shape, 1)).shape == shape[1:]


@pytest.mark.parametrize("shape", [(2, 4, 4, 3), (2, 3, 4, 4), (2, 4, 4, 4), (2, 4, 5, 4)])
def test_colours_are_refused(shape):
    with pytest.raises(DataError, match="x holds colour images of the shape"):
        read_pixels("x", np.zeros(shape))


@pytest.mark.parametrize("shape", [(), (3,), (2, 5, 5, 2), (2, 1, 5, 5, 1), (2, 0), (2, 0, 5, 1)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(DataError, match="x has the shape"):
        read_pixels("x", np.zeros(shape))


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (np.array([[-1, 3]]), "type int64 and ranges from -1 to 3"),
        (np.array([[0, 256]], np.int32), "type int32 and ranges from 0 to 256"),
        (np.array([[0, 1.5]]), "ranges from 0 to 1.5"),
        (np.array([[0, np.inf]]), "not finite"),
        (np.array([["0"]]), "has the type <U1"),
        (np.array([[1j]]), "has the type complex128"),
        (np.array([["2001"]], "M8[Y]"), "has the type datetime64"),
    ],
)
def test_what_is_no_grey_value_is_refused(array, fault):
    with pytest.raises(DataError, match=fault):
        read_pixels("x", array)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, ">u2", np.int64, np.float16, ">f8"])
def test_real_values_are_kept(dtype):
    array = np.array([[100, 0, 7], [3, -4, 5]]).astype(dtype)
    assert torch.equal(values_of(array, real=True), torch.from_numpy(array.astype(np.float32)))


def test_8_bit_images_and_truth_values_are_never_real():
    for array in (GREY, GREY > 100):
        assert not read_pixels("x", array, real=True).real
        assert torch.equal(values_of(array, real=True), values_of(array))


@pytest.mark.parametrize(
    ("dtype", "brightest", "dark"),
    [
        ("u1", 0, False),
        ("u1", 1, True),
        ("u1", 16, True),
        ("u1", 127, True),
        ("u1", 128, False),
        ("i8", 100, True),
        ("i8", 255, False),
        ("u2", 255, True),
        (">u2", 4095, True),
        ("u2", 32768, False),
        ("?", 1, False),
        ("f4", 0.01, False),
    ],
)
def test_dark_files_are_told_of(dtype, brightest, dark):
    arrays = [np.zeros((2, 3), dtype), np.array([[0, brightest]], dtype)]
    with warnings.catch_warnings(record=True, action="always") as told:
        warn_if_dark(Path("mine.npy"), arrays)
        warn_if_dark(Path("mine.npy"), [*arrays, np.full((1, 2), 255, np.uint8)])  # not all of it is dark
        warn_if_dark(Path("mine.npy"), [])
    assert len(told) == dark
    if dark:
        assert issubclass(told[0].category, DataWarning)
        assert str(told[0].message).startswith(f"mine.npy holds no pixel above {brightest} where ")


def test_real_values_are_not_dark():
    with warnings.catch_warnings(record=True, action="always") as told:
        warn_if_dark(Path("mine.npy"), [np.array([[0, 16]])], real=True)
        assert not told
        warn_if_dark(Path("mine.npy"), [np.array([[0, 16]], np.uint8)], real=True)
        assert len(told) == 1
