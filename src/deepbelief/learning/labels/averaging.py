"""Parameters averaged over the latest part of a training."""

import copy
from collections.abc import Mapping
from typing import Generic, TypeVar, final

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


@final
class Averaged(Generic[Module]):
    """A copy of a module whose parameters follow the module's own as a moving average (Polyak & Juditsky 1992).

    At step t the average moves by max(1 / memory, 1 / t) of the way: over the first `memory` steps it is the plain
    mean, then its weights fall by 1 / e in `memory` steps. The mean of parameters that wander about an optimum is
    nearer to it than they are, at the cost of one pass over memory.

    Args:
        module: what is trained.
        memory: steps; with fewer than 1, `module` itself takes the average's place.
    """

    def __init__(self, module: Module, memory: float) -> None:
        self._trained, self._memory = module, memory
        self.module = copy.deepcopy(module).requires_grad_(False) if memory >= 1 else module
        """What is measured and kept."""
        self._steps = 0
        self._parameters: list[Tensor] = list(module.parameters())
        self._averages: list[Tensor] = list(self.module.parameters())

    @torch.no_grad()
    def follow(self) -> None:
        """After a step of the training."""
        self._steps += 1
        if self.module is not self._trained:
            share = max(1 / self._memory, 1 / self._steps)
            for average, parameter in zip(self._averages, self._parameters, strict=True):
                average.lerp_(parameter, share)

    def state(self) -> dict[str, Tensor]:
        """Everything to go on from here."""
        return {"steps": torch.tensor(self._steps), **self.module.state_dict()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self._steps = int(state["steps"])
        self.module.load_state_dict({name: tensor for name, tensor in state.items() if name != "steps"})
