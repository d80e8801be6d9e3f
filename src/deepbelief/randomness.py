"""The one source of random numbers: seeded, fast, with a state that is saved in checkpoints."""

import math
import operator
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepbelief.errors import DeepBeliefError, SettingsError

_STEPS: Final = 2.0**16  # of random numbers of 16 bits
_OFFSETS: Final = 2**16  # where the row of fractions for a call of `bernoulli` may begin
_FEWEST_FRACTIONS: Final = 2**18


@lru_cache(maxsize=8)
def _negative_fractions(size: int, dtype: torch.dtype) -> Tensor:
    """-f for `size` numbers f evenly spaced over (0, 1), in a fixed random order."""
    order = np.random.Generator(np.random.SFC64(0)).permutation(size)
    return torch.from_numpy(-(order + 0.5) / size).to(dtype)


def is_on(probability: Tensor, steps: Tensor, negative_fractions: Tensor, scratch: Tensor | None = None) -> Tensor:
    """Where (k + f) / 65536 < p, of p, k and -f of the same shape; written to `scratch` as 0 and 1, else as bool.

    >>> is_on(torch.tensor([0.2, 0.7]), torch.tensor([0.5, 0.5]) * 65536, torch.zeros(2)).tolist()
    [False, True]
    """
    difference = torch.sub(steps, probability, alpha=_STEPS, out=scratch)  # k - 65536 p, exact where it is near -f
    return torch.lt(difference, negative_fractions, out=scratch)


@final
class Random:
    """A stream of random numbers, set by a seed and a name; streams with different names are independent.

    It is no `torch.Generator`, for three reasons: on a CPU binary states come ten times faster from 16 random bits each
    than from `torch.bernoulli`, and a training draws more of them than of anything else; the numbers that decide what
    is computed are the same on a GPU; and streams with names stay the same when something else draws more or less.

    Numbers that decide what is computed (initial values, order of the images, noise) are drawn on the CPU, so
    that they are the same on every device. States of units, needed in bulk, are drawn where the tensors are. On the
    device "meta", whose tensors have a shape and no values, `normal` and `uniform` draw nothing and take no time.

    >>> random = Random(0, "example")
    >>> random.bernoulli(torch.tensor([0.0, 1.0])).tolist()
    [0.0, 1.0]
    """

    def __init__(self, seed: int, stream: str = "", device: torch.device | str = "cpu") -> None:
        entropy = np.random.SeedSequence([seed, zlib.crc32(stream.encode())])
        self.device: Final = torch.device(device)
        self._bits = np.random.SFC64(entropy)
        self._numbers = np.random.Generator(self._bits)
        # One generator on the device; on the CPU it is not used, because SFC64 is ten times faster there.
        self._on_device = torch.Generator("cpu" if self.device.type == "meta" else self.device)
        self._on_device.manual_seed(int(entropy.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        self._part: tuple[int, tuple[slice, ...]] | None = None  # see `part_of`

    @contextmanager
    def part_of(self, whole: int, *rows: slice) -> Iterator[None]:
        """Within, tensors are some rows of a larger one, of `whole` rows, and get the numbers that they have in it.

        Numbers are drawn for the whole, and the others are thrown away: so processes of which each has some rows draw
        together what one alone would draw, and the stream goes on from the same place in all of them. `permutation` and
        `poisson` draw no part, and are an error here.

        >>> random, again = Random(0), Random(0)
        >>> with again.part_of(4, slice(1, 3)):
        ...     part = again.uniform((2, 5))
        >>> torch.equal(part, random.uniform((4, 5))[1:3])
        True
        """
        before = self._part
        self._part = None if sum(one.stop - one.start for one in rows) == whole else (whole, rows)
        try:
            yield
        finally:
            self._part = before

    def _whole(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of the tensor to draw, of which one of this shape is the part that is here."""
        if self._part is None:
            return tuple(shape)
        whole, rows = self._part
        if shape[0] != (here := sum(one.stop - one.start for one in rows)):
            raise ValueError(f"numbers are drawn for {here} rows of {whole} here, not for {shape[0]}")
        return (whole, *shape[1:])

    def _own(self, whole: Tensor) -> Tensor:
        """The rows that are here; a view where they are one piece."""
        if self._part is None:
            return whole
        pieces = [whole[one] for one in self._part[1]]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _check_undivided(self, what: str) -> None:
        if self._part is not None:
            raise DeepBeliefError(f"{what} cannot be drawn by several processes together: train in one process.")

    def bernoulli(self, probability: Tensor, out: Tensor | None = None) -> Tensor:
        """Binary states of the same shape and type, 1 with the given probability, however small or near 1 it is.

        A state is 1 where u < p, with u uniform in (0, 1). On the CPU u is (k + f) / 65536 with k of 16 random bits for
        each state. The fraction f counts only where k is the whole part of 65536 p, once in 65,536 states; so it is
        taken from a fixed list of numbers evenly spaced over (0, 1), from a random place on in each call, which costs
        almost nothing. On other devices u has 24 bits. With `out`, another tensor of that shape and type, the
        states are written there and no tensor is made. NaN, as from a training that diverges, is no error.
        """
        out = torch.empty_like(probability) if out is None else out
        # Narrow types do not hold 16 bits.
        uniform = out if out.dtype in (torch.float32, torch.float64) else torch.empty_like(out, dtype=torch.float32)
        if out.device.type != "cpu":
            # Not `torch.bernoulli`: on a GPU it stops at a NaN, and then nothing runs there any more.
            torch.lt(self.uniform_(uniform), probability, out=uniform)
        else:
            is_on(probability, uniform, self.thresholds(uniform), scratch=uniform)
        return out if uniform is out else out.copy_(uniform)

    def thresholds(self, steps: Tensor) -> Tensor:
        """What binary states of the shape of `steps` are drawn by on the CPU: k, written there, and -f; see `is_on`."""
        whole = self._whole(steps.shape)
        bits = self._sixteen_bits(math.prod(whole) + 1)
        steps.copy_(self._own(torch.from_numpy(bits[:-1]).view(whole)))
        return self._own(self._fractions(whole, int(bits[-1]), steps.dtype))

    @staticmethod
    def _fractions(shape: tuple[int, ...], offset: int, dtype: torch.dtype) -> Tensor:
        """-f for states of this shape: each row has the numbers of the row before it from the second on."""
        rows, columns = math.prod(shape[:-1]), shape[-1] if shape else 1
        size = max(_FEWEST_FRACTIONS, 1 << (_OFFSETS + rows + columns).bit_length())
        fractions = _negative_fractions(size, dtype).as_strided((rows, columns), (1, 1), offset)
        return fractions if len(shape) == 2 else fractions.reshape(shape)

    def dropout_mask(self, like: Tensor, dropout: float) -> Tensor:
        """0 with probability `dropout`, otherwise 1 / (1 - dropout), with the shape and device of `like`.

        It has the type of `like`, but at least float32, so that the second number is not rounded.
        """
        dtype = torch.promote_types(like.dtype, torch.float32)
        whole = self._whole(like.shape)
        if like.device.type != "cpu":
            kept = self._own(like.new_empty(whole, dtype=dtype).bernoulli_(1 - dropout, generator=self._on_device))
        else:
            bits = torch.from_numpy(self._sixteen_bits(math.prod(whole)).view(np.int16)).view(whole)
            kept = (self._own(bits) >= round(65536 * dropout) - 32768).to(dtype)
        return kept.div_(1 - dropout)

    def _sixteen_bits(self, n: int) -> NDArray[np.uint16]:
        """Uniform integers from 0 to 65535, shape (n,)."""
        words = self._bits.random_raw((n + 3) // 4)  # 64 bits each: four numbers
        return np.asarray(words).view(np.uint16)[:n]

    def normal(self, shape: Sequence[int], std: float = 1.0) -> Tensor:
        """Gaussian numbers, mean 0, float32, on this source's device."""
        return self._drawn_on_cpu(self._numbers.standard_normal, shape).mul_(std).to(self.device)

    def uniform(self, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform numbers in [low, high), float32, on this source's device."""
        return self._drawn_on_cpu(self._numbers.random, shape).mul_(high - low).add_(low).to(self.device)

    def poisson(self, mean: Tensor) -> Tensor:
        """Poisson numbers with these means, up to 9e18, drawn on the CPU; shape, type and device of `mean`."""
        self._check_undivided("Poisson numbers")
        counts = self._numbers.poisson(mean.detach().to("cpu", torch.float64).numpy())
        return torch.from_numpy(np.asarray(counts)).to(mean)

    def _drawn_on_cpu(self, draw: Callable[..., NDArray[np.float32]], shape: Sequence[int]) -> Tensor:
        """float32 numbers on the CPU; for a source on the device "meta" only their shape, on that device."""
        if self.device.type == "meta":
            return torch.empty(tuple(shape), dtype=torch.float32, device=self.device)
        return self._host(draw, shape)

    def _host(self, draw: Callable[..., NDArray[np.float32]], shape: Sequence[int]) -> Tensor:
        return self._own(torch.from_numpy(draw(self._whole(shape), dtype=np.float32)))

    def normal_(self, out: Tensor) -> Tensor:
        """Fill with standard normal numbers, drawn where `out` is."""
        if out.device.type != "cpu":
            if self._part is None:
                return out.normal_(generator=self._on_device)
            return out.copy_(self._own(out.new_empty(self._whole(out.shape)).normal_(generator=self._on_device)))
        return out.copy_(self._host(self._numbers.standard_normal, out.shape))

    def uniform_(self, out: Tensor) -> Tensor:
        """Fill with uniform numbers in [0, 1), drawn where `out` is."""
        if out.device.type != "cpu":
            if self._part is None:
                return out.uniform_(generator=self._on_device)
            return out.copy_(self._own(out.new_empty(self._whole(out.shape)).uniform_(generator=self._on_device)))
        return out.copy_(self._host(self._numbers.random, out.shape))

    def permutation(self, n: int) -> Tensor:
        """The numbers 0 ... n - 1 in random order, int64, on the CPU."""
        self._check_undivided("a permutation")
        return torch.from_numpy(self._numbers.permutation(n))

    def join(self, graph: torch.cuda.CUDAGraph) -> None:
        """Let a CUDA graph, before it is captured, continue this stream at every replay."""
        graph.register_generator_state(self._on_device)

    def state(self) -> dict[str, Tensor]:
        """Everything needed to continue the stream, as tensors for a checkpoint."""
        state = self._bits.state
        words = [*state["state"]["state"], state["has_uint32"], state["uinteger"]]
        return {
            "host": torch.from_numpy(np.array(words, dtype=np.uint64).view(np.int64)),
            "device": self._on_device.get_state(),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what `state` returned; `DeepBeliefError` if it is the state of another kind of device."""
        if state["device"].shape != self._on_device.get_state().shape:
            raise DeepBeliefError(
                f"these random numbers were saved on another kind of device than {self.device.type}: go on where the "
                "work began."
            )
        words = state["host"].numpy().view(np.uint64)
        self._bits.state = {
            "bit_generator": "SFC64",
            "state": {"state": words[:4].copy()},
            "has_uint32": int(words[4]),
            "uinteger": int(words[5]),
        }
        self._on_device.set_state(state["device"])


def as_random(given: Random | int, device: torch.device | str = "cpu") -> Random:
    """A source as it is, or one that a whole number from 0 seeds, on a device; `SettingsError` for anything else."""
    if isinstance(given, Random):
        return given
    try:
        seed = operator.index(given)
    except TypeError:
        raise SettingsError(f"random is {given!r}: give a whole number as the seed, or a deepbelief.Random.") from None
    if seed < 0:
        raise SettingsError(f"the seed {seed} is below 0: give a whole number from 0.")
    return Random(seed, device=device)
