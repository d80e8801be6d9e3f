"""Arrays as bytes and as text: what goes in comes out, to the precision of its type."""

import zlib

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from hypothesis.extra import numpy as arrays

from deepbelief.explorer.encoding import Block, as_bytes, as_floats, as_int8, as_text, decoded, in_steps

MATRICES = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6),
    elements=strategies.floats(-9, 9, width=32),
)


@hypothesis.given(MATRICES)
def test_float32_is_exact_and_float16_is_numpys(values: np.ndarray) -> None:
    assert np.array_equal(decoded(as_floats(values)), values)
    assert np.array_equal(decoded(as_floats(values, "float16")), values.astype(np.float16).astype(np.float32))


@hypothesis.given(MATRICES)
def test_int8_is_within_half_a_step_of_each_column(values: np.ndarray) -> None:
    encoded = as_int8(values)
    assert len(encoded.content) == values.size
    steps = np.abs(values).max(axis=0, initial=0) / 127
    assert (np.abs(decoded(encoded) - values) <= steps * 0.5001 + 1e-12).all()


@hypothesis.given(
    arrays.arrays(
        np.float32, (3, 4), elements=strategies.integers(-8_000_000, 8_000_000) | strategies.integers(-300, 300)
    )
)
def test_whole_numbers_are_exact_whatever_their_size(numbers: np.ndarray) -> None:
    assert np.array_equal(decoded(in_steps(numbers, 0.25)), numbers / 4)


@pytest.mark.parametrize("scale", [12, 40, 100, 700, 3000, 50_000])
def test_whole_numbers_take_about_as_many_bits_as_they_have(scale: float) -> None:
    numbers = np.rint(np.random.default_rng(0).laplace(0, scale, (200, 300))).astype(np.float32)
    encoded = in_steps(numbers, 1)
    assert np.array_equal(decoded(encoded), numbers)
    entropy = np.log2(2 * scale * np.e)
    assert 8 * len(zlib.compress(encoded.content, 9)) < 1.065 * entropy * numbers.size


def test_numbers_of_too_many_steps_are_floats() -> None:
    encoded = in_steps(np.array([[2**24, 1]], np.float32), 2.0**-9)
    assert encoded.type == "float32"
    assert decoded(encoded).tolist() == [[2.0**15, 1 / 512]]


@hypothesis.given(strategies.binary(max_size=60))
def test_text_gives_its_bytes_back_and_holds_nothing_that_html_changes(content: bytes) -> None:
    text = as_text(content)
    assert text.isascii() and not set(text) & {"\0", "\r", "<"}
    digits = [ord(character) - 1 - (character > "\r") - (character > "<") for character in text]
    bits = ""  # the first one last
    for lower, upper in zip(digits[::2], digits[1::2], strict=True):
        number = lower + 125 * upper
        bits = f"{number:0{14 if number % 8192 < 125**2 - 8192 else 13}b}{bits}"
    assert int(bits or "0", 2) == int.from_bytes(content, "little")


def test_text_is_a_seventh_longer_than_its_bytes() -> None:
    content = np.random.default_rng(1).bytes(20_000)
    assert len(as_text(content)) < 1.155 * len(content)


def test_a_block_keeps_equal_arrays_once_and_tells_where_each_is() -> None:
    block = Block()
    first, second = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([7, 9], np.uint8)
    names = [block.add(as_floats(first)), block.add(as_bytes(second)), block.add(as_floats(first.copy()))]
    assert names[0] == names[2] != names[1]
    content = zlib.decompress(block.compressed())
    assert len(content) == 24 + 2
    place = block.described[names[1]]
    assert (place["shape"], place["type"], place["bytes"]) == ([2], "uint8", 2)
    assert content[place["offset"] : place["offset"] + 2] == bytes([7, 9])
    assert sum(one["packed"] for one in block.described.values()) <= len(block.compressed())


def test_scales_are_an_array_of_the_block() -> None:
    block = Block()
    name = block.add(as_int8(np.array([[1.0, -254.0]], np.float32)))
    scales = block.described[block.described[name]["scales"]]
    assert (scales["type"], scales["shape"]) == ("float32", [2])


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_nothing_is_nothing(shape: tuple[int, int]) -> None:
    values = np.zeros(shape, np.float32)
    for encoded in (as_floats(values), as_floats(values, "float16"), as_int8(values), in_steps(values, 1)):
        assert decoded(encoded).shape == shape
