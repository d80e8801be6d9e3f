"""Element-wise work on tensors as one function, which may be compiled into one pass over memory."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from deepbelief.randomness import Random, is_on
from deepbelief.system.compilation import Compiled, Compiler

Work = Callable[..., dict[str, Tensor] | None]
"""Takes modules, then tensors or None, then a source of random numbers if it draws; writes into the tensors."""


@final
class Fused:
    """`work(*modules, *tensors)`, and `random` where numbers are drawn, that may be compiled.

    The tensors are always of the same types and strides. What is compiled is what PyTorch does when the work is called,
    recorded at the first call, so that no formula is written twice. Random numbers are drawn before, from the same
    source and in the same order, and the compiled function reads them from memory. It is for tensors of the shapes of
    that first call, such as those of a whole batch; on others, such as the last ones of an epoch, the work is done
    uncompiled.

    The work must not read values back to decide what to do, and must draw nothing but `bernoulli`, `uniform_` and
    `normal_`: that is true of units that are `replayable`.

    Args:
        work: what to do; its modules are passed first, so that it can be a function of them.
        modules: whose parameters and buffers the work reads.
        compiler: compiles it; None: nothing is compiled.
        scratch: how many of the last tensors are memory for intermediate results, which compiled work needs none of.

    >>> def scale(units, field):
    ...     units.mean_(field).mul_(2)
    >>> from deepbelief import Bernoulli
    >>> field = torch.zeros(2, 3)
    >>> Fused(scale, Bernoulli(3))(field)
    >>> field.tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    def __init__(self, work: Work, *modules: nn.Module, compiler: Compiler | None = None, scratch: int = 0) -> None:
        self._caller, self._compiler, self._scratch = _Caller(work, modules), compiler, scratch
        self._parameters = [*self._caller.tensors().values()]
        self._shapes: list[torch.Size | None] | None = None  # of the tensors at the first call
        self._compiled: _Compiled | None = None

    def __call__(self, *tensors: Tensor | None, random: Random | None = None) -> dict[str, Tensor] | None:
        """Do the work, within `torch.no_grad()`."""
        if self._compiler is not None:
            shapes = [None if one is None else one.shape for one in tensors]
            if self._shapes is None:
                self._shapes = shapes
                self._compiled = self._compile(self._compiler, tensors, random is not None)
            if self._compiled is not None and shapes == self._shapes:
                return self._compiled(self._parameters, tensors, random)
        return self._caller.forward(*tensors, *(() if random is None else (random,)))

    def _compile(self, compiler: Compiler, tensors: Sequence[Tensor | None], draws: bool) -> "_Compiled | None":
        """The work as a function of parameters, tensors and random numbers, for copies of the tensors as examples."""
        kept = len(tensors) - self._scratch
        given = [one is not None and number < kept for number, one in enumerate(tensors)]
        examples = [_example(one) for one, there in zip(tensors, given, strict=True) if one is not None and there]
        parameters = [_example(one) for one in self._parameters]
        recorded, names = _Recorded(), list[str]()

        def work(random: Any, parameters: Sequence[Tensor], examples: Sequence[Tensor]) -> list[Tensor]:
            left = iter(examples)
            arguments = [next(left) if there else None for there in given]
            tensors = dict(zip(self._caller.tensors(), parameters, strict=True))
            numbers = (random,) if draws else ()
            found = torch.func.functional_call(self._caller, tensors, (*arguments, *numbers))
            names[:] = found or ()
            return [*(found or {}).values()]

        def flat(*inputs: Tensor) -> list[Tensor]:
            first, second = len(parameters), len(parameters) + len(examples)
            return work(_Played(iter(inputs[second:])), inputs[:first], inputs[first:second])

        work(recorded, parameters, [one.clone() for one in examples])
        inputs = [*parameters, *examples, *recorded.draw(Random(0))]
        function = compiler(flat, inputs)
        return None if function is None else _Compiled(function, given, recorded, names)


@final
class _Compiled:
    """A compiled function, and what it is called with."""

    def __init__(self, function: Compiled, given: Sequence[bool], recorded: "_Recorded", names: Sequence[str]) -> None:
        self._function, self._given, self._recorded, self._names = function, given, recorded, names

    def __call__(
        self, parameters: Sequence[Tensor], tensors: Sequence[Tensor | None], random: Random | None
    ) -> dict[str, Tensor] | None:
        numbers = self._recorded.draw(random) if random is not None else ()
        found = self._function(*parameters, *itertools.compress(tensors, self._given), *numbers)
        return dict(zip(self._names, found, strict=True)) if self._names else None


@final
class _Recorded:
    """Stands for a source of random numbers and keeps a list of what is drawn; then draws the same from a true one."""

    def __init__(self) -> None:
        self._draws: list[tuple[str, Tensor]] = []  # what is drawn, and memory for it

    def bernoulli(self, probability: Tensor, out: Tensor | None = None) -> Tensor:
        wide = torch.promote_types(probability.dtype, torch.float32)  # narrow types do not hold 16 bits
        self._draws.append(("states", torch.empty(probability.shape, dtype=wide)))
        return torch.zeros_like(probability) if out is None else out.zero_()

    def uniform_(self, out: Tensor) -> Tensor:
        self._draws.append(("uniform", torch.empty(out.shape, dtype=out.dtype)))
        return out.zero_()

    def normal_(self, out: Tensor) -> Tensor:
        self._draws.append(("normal", torch.empty(out.shape, dtype=out.dtype)))
        return out.zero_()

    def draw(self, random: Random) -> list[Tensor]:
        """The numbers of all draws, one after the other; overwritten by the next call."""
        numbers = list[Tensor]()
        for kind, memory in self._draws:
            if kind == "states":
                numbers += [memory, random.thresholds(memory)]
            else:
                numbers.append(random.uniform_(memory) if kind == "uniform" else random.normal_(memory))
        return numbers


@final
class _Played:
    """Stands for a source of random numbers and gives out numbers that were drawn before."""

    def __init__(self, numbers: Iterator[Tensor]) -> None:
        self._numbers: Final = numbers

    def bernoulli(self, probability: Tensor, out: Tensor | None = None) -> Tensor:
        on = is_on(probability, next(self._numbers), next(self._numbers))
        # Not `on.to(dtype)`, for which the compiler has no fast code.
        states = torch.where(on, 1.0, 0.0).to(probability.dtype)
        return states if out is None else out.copy_(states)

    def uniform_(self, out: Tensor) -> Tensor:
        return out.copy_(next(self._numbers))

    def normal_(self, out: Tensor) -> Tensor:
        return out.copy_(next(self._numbers))


def _example(tensor: Tensor) -> Tensor:
    """A tensor of the same shape, strides and type with memory of its own: not a view of a larger one."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype).zero_()


@final
class _Caller(nn.Module):
    """Work on modules as a module, for `torch.func.functional_call`."""

    def __init__(self, work: Work, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self._work, self._given = work, tuple(modules)
        # Each once: of a module that is there twice, `functional_call` would keep the tensors that it is given.
        self._once = nn.ModuleList(dict.fromkeys(modules))

    def tensors(self) -> dict[str, Tensor]:
        """All parameters and buffers, each once."""
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}

    def forward(self, *arguments: Any) -> dict[str, Tensor] | None:
        """Do the work."""
        return self._work(*self._given, *arguments)
