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
_HTML: Final = bytes([0, 13, 60])  # NUL, carriage return and <, which HTML would change or end a script with


@final
@dataclass(frozen=True)
class Encoded:
    """An array as bytes: byte k of all numbers lies in plane k, since alike bytes next to each other compress better.

    Types are uint8, float16, float32, or integer: a whole number times the scale of its column, of which there may be
    one for all. Of an integer q the first plane holds (q + 128) mod 256; one or two more, where they are needed, hold
    the rest, the quotient of that division.
    """

    shape: tuple[int, ...]
    type: str
    content: bytes
    scales: tuple[float, ...] = ()


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
    return _integers(numbers, (step,))


def _integers(numbers: NDArray[Any], scales: tuple[float, ...]) -> Encoded:
    shifted = numbers.astype(np.int32) + 128
    rest = shifted >> 8
    kind = "<i2" if np.abs(rest).max(initial=0) > _LARGEST else "<i1"
    more = rest.astype(kind).reshape(-1, 1).view(np.uint8).T if rest.any() else np.zeros((0, rest.size), np.uint8)
    low = (shifted & 255).astype(np.uint8).reshape(1, -1)
    return Encoded(numbers.shape, "integer", np.concatenate([low, more]).tobytes(), scales)


def decoded(encoded: Encoded) -> NDArray[Any]:
    """The numbers that the page will compute with."""
    count = int(np.prod(encoded.shape))
    if not count:
        return np.zeros(encoded.shape, np.float32)
    planes = np.frombuffer(encoded.content, np.uint8).reshape(-1, count)
    if encoded.type == "uint8":
        return np.array(planes[0].reshape(encoded.shape))
    if encoded.type != "integer":
        kind = "<f4" if encoded.type == "float32" else "<f2"
        return np.asarray(np.ascontiguousarray(planes.T).view(kind).reshape(encoded.shape), np.float32)
    numbers = planes[0].astype(np.int32) - 128
    if len(planes) > 1:
        kind = "<i1" if len(planes) == 2 else "<i2"
        numbers += 256 * np.ascontiguousarray(planes[1:].T).view(kind)[:, 0].astype(np.int32)
    numbers = numbers.reshape(encoded.shape)
    return np.asarray(numbers * np.asarray(encoded.scales, np.float32), np.float32)


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
        name = f"a{len(self._names)}"
        place = {"offset": self._length, "bytes": len(encoded.content)}
        self.described[name] = {"shape": list(encoded.shape), "type": encoded.type, **place, **scales}
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
    """Bytes as text for a script element: 7 bits in each character.

    It is a seventh longer than the bytes, where base64 is a third longer. The three characters that HTML would change
    get 128 added, which takes two bytes in UTF-8.

    >>> [ord(character) for character in as_text(bytes([255, 0]))]
    [127, 64, 128]
    """
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    padded = np.pad(bits, (0, -len(bits) % 7)).reshape(-1, 7)
    characters = (padded @ np.array([64, 32, 16, 8, 4, 2, 1], np.uint8)).astype(np.uint8).tobytes()
    moved = bytes(code + 128 if code in _HTML else code for code in range(128)) + bytes(range(128, 256))
    return characters.translate(moved).decode("latin-1")
