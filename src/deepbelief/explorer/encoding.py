"""Arrays as the bytes that travel in a page; `static/core/block.js` reads them."""

import zlib
from dataclasses import dataclass, field
from typing import Any, Final, Literal, final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
TypeName = Literal["float32", "float16", "int8"]

_NOTHING: Final = 1e-30  # a column of weights below it is sent as 0
_LARGEST: Final = 127
_MOST: Final = 2**23 - 256  # of what three planes hold
_SPREAD: Final = 25  # the least standard deviation of integers without their last bits
_CHARACTERS: Final = np.array([code for code in range(128) if code not in (0, 13, 60)], np.uint8)
"""ASCII without NUL and carriage return, which HTML would change, and <, which could end a script."""
_FOURTEEN: Final = len(_CHARACTERS) ** 2 - 2**13


@final
@dataclass(frozen=True)
class Encoded:
    """An array as bytes: byte k of all numbers lies in plane k, since alike bytes next to each other compress better.

    Types are uint8, float16, float32, or integer: a whole number times the scale of its column, of which there may be
    one for all. The `low` last bits of an integer (0, 1, 2, 4 or 8) are about random, so that nothing compresses them:
    they come first, those of 8 / low numbers in a byte. Of the number q that is left the next plane holds
    (q + 128) mod 256; one or two more, where they are needed, hold the rest, the quotient of that division.
    """

    shape: tuple[int, ...]
    type: str
    content: bytes
    scales: tuple[float, ...] = ()
    low: int = 0


def as_floats(values: NDArray[Any], type_name: Literal["float32", "float16"] = "float32") -> Encoded:
    """The array in a type of floating-point numbers."""
    numbers = np.ascontiguousarray(values, "<f4" if type_name == "float32" else "<f2")
    planes = numbers.reshape(-1).view(np.uint8).reshape(-1, numbers.itemsize).T
    return Encoded(values.shape, type_name, planes.tobytes())


def as_bytes(values: NDArray[Any]) -> Encoded:
    """Whole numbers from 0 to 255."""
    return Encoded(values.shape, "uint8", np.asarray(values, np.uint8).tobytes())


def as_int8(values: Floats) -> Encoded:
    """A matrix (inputs, outputs) in whole numbers from -127 to 127, each column with a scale of its own."""
    largest = np.abs(values).max(axis=0, initial=0)
    scales = np.where(largest > _NOTHING, largest / _LARGEST, 1.0)
    return _integers(np.rint(values / scales), tuple(scales.tolist()))


def in_steps(numbers: Floats, step: float) -> Encoded:
    """Whole numbers of steps: the coarser, the fewer bytes once it is compressed; float32 if the steps are too fine."""
    if np.abs(numbers).max(initial=0) > _MOST:
        return as_floats(numbers * step)
    spread = float(numbers.std()) if numbers.size else 0.0
    return _integers(numbers, (step,), max(low for low in (0, 1, 2, 4, 8) if not low or spread >= _SPREAD * 2**low))


def _integers(numbers: NDArray[Any], scales: tuple[float, ...], low: int = 0) -> Encoded:
    whole = numbers.astype(np.int32).ravel()
    shifted = (whole >> low) + 128
    rest = shifted >> 8
    kind = "<i2" if np.abs(rest).max(initial=0) > _LARGEST else "<i1"
    more = rest.astype(kind).reshape(-1, 1).view(np.uint8).T if rest.any() else np.zeros((0, rest.size), np.uint8)
    planes = [_packed(whole & ((1 << low) - 1), low), (shifted & 255).astype(np.uint8), *more]
    return Encoded(numbers.shape, "integer", b"".join(plane.tobytes() for plane in planes), scales, low)


def _packed(numbers: NDArray[np.int32], low: int) -> NDArray[np.uint8]:
    """Numbers of `low` bits, as many as fit in each byte, the first one lowest."""
    if not low:
        return np.zeros(0, np.uint8)
    in_bytes = np.pad(numbers, (0, -len(numbers) % (8 // low))).reshape(-1, 8 // low)
    return np.asarray((in_bytes << np.arange(0, 8, low)).sum(axis=1), np.uint8)


def decoded(encoded: Encoded) -> NDArray[Any]:
    """The numbers that the page will compute with."""
    count = int(np.prod(encoded.shape))
    if not count:
        return np.zeros(encoded.shape, np.float32)
    content = np.frombuffer(encoded.content, np.uint8)
    low = encoded.low
    packed, planes = np.split(content, [-(-count * low // 8)])
    planes = planes.reshape(-1, count)
    if encoded.type == "uint8":
        return np.array(planes[0].reshape(encoded.shape))
    if encoded.type != "integer":
        kind = "<f4" if encoded.type == "float32" else "<f2"
        return np.asarray(np.ascontiguousarray(planes.T).view(kind).reshape(encoded.shape), np.float32)
    numbers = planes[0].astype(np.int32) - 128
    if len(planes) > 1:
        kind = "<i1" if len(planes) == 2 else "<i2"
        numbers += 256 * np.ascontiguousarray(planes[1:].T).view(kind)[:, 0].astype(np.int32)
    if low:
        last = packed[:, None] >> np.arange(0, 8, low, dtype=np.uint8) & ((1 << low) - 1)
        numbers = (numbers << low) + last.ravel()[:count]
    return np.asarray(numbers.reshape(encoded.shape) * np.asarray(encoded.scales, np.float32), np.float32)


@final
@dataclass
class Block:
    """All arrays of a page in one block of bytes; equal ones are kept once."""

    described: dict[str, dict[str, Any]] = field(default_factory=dict)
    _contents: list[bytes] = field(default_factory=list)
    _names: dict[Encoded, str] = field(default_factory=dict)
    _length: int = 0

    def add(self, encoded: Encoded) -> str:
        """Add an array; returns its name, which is that of an equal one if there is one already."""
        if encoded in self._names:
            return self._names[encoded]
        scales = {"scales": self.add(as_floats(np.array(encoded.scales)))} if encoded.scales else {}
        low = {"low": encoded.low} if encoded.low else {}
        name = f"a{len(self._names)}"
        place = {"offset": self._length, "bytes": len(encoded.content)}
        self.described[name] = {"shape": list(encoded.shape), "type": encoded.type, **place, **scales, **low}
        self._contents.append(encoded.content)
        self._names[encoded] = name
        self._length += len(encoded.content)
        return name

    def compressed(self) -> bytes:
        """All of it, compressed; how much of that is an array's becomes part of its description."""
        stream, parts = zlib.compressobj(9), []
        for name, content in zip(self.described, self._contents, strict=True):
            parts.append(stream.compress(content) + stream.flush(zlib.Z_SYNC_FLUSH))
            self.described[name]["packed"] = len(parts[-1])
        return b"".join([*parts, stream.flush()])


def as_text(content: bytes) -> str:
    """Bytes as ASCII text for a script element: 6.95 bits in each character.

    Two characters are the digits of a number below 125^2, the lower one first. The number is the next 13 bits, or if
    these are less than 125^2 - 2^13, as most are, the next 14 (as in basE91, Henke 2005). Zeros fill up the end.

    >>> [ord(character) for character in as_text(bytes([255, 0]))]
    [6, 3, 1, 1]
    """
    held, bits = 0, 0
    numbers = []
    for byte in content + bytes(2):
        held |= byte << bits
        bits += 8
        if bits >= 14:
            size = 14 if held & 8191 < _FOURTEEN else 13
            numbers.append(held & ((1 << size) - 1))
            held >>= size
            bits -= size
    upper, lower = np.divmod(np.array(numbers, np.intp), len(_CHARACTERS))
    return str(_CHARACTERS[np.stack([lower, upper], axis=1)].tobytes(), "ascii")
