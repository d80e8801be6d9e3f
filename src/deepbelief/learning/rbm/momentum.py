"""The update of an RBM's parameters with momentum and weight decay."""

import itertools
from collections.abc import Iterable, Mapping
from typing import final

import torch
from torch import Tensor

from deepbelief.checkpoint import tensors_under
from deepbelief.learning.fused import Fused
from deepbelief.learning.rbm.statistics import Narrow, Statistics
from deepbelief.learning.rbm.update import Update
from deepbelief.models.rbm import RBM
from deepbelief.system.compilation import Compiler


@final
class Momentum(Update):
    """The update dW = m dW + lr ((v^T p - v'^T p') / B - decay W), W += dW; all other parameters without decay.

    Args:
        rbm: changed in place.
        compiler: compiles the update of all parameters into one function; None: nothing is compiled.
        narrow: with a compiler, a copy of the weights that is updated, too.
    """

    def __init__(self, rbm: RBM, compiler: Compiler | None = None, narrow: Narrow | None = None) -> None:
        self._parameters, self._units = dict(rbm.named_parameters()), (rbm.visible, rbm.hidden)
        self.velocity = {name: torch.zeros_like(parameter) for name, parameter in self._parameters.items()}
        # As tensors, so that neither CUDA nor a compiled function needs a new one for another rate.
        self._divisor, self._momentum, self._decay = (rbm.weights.new_zeros(()) for _ in range(3))
        self._fused_agrees = _fused_agrees(rbm.weights)
        self._together = None if compiler is None else Fused(self._move_all, compiler=compiler)
        self._compiler, self._narrow = compiler, None if compiler is None else narrow
        if self._narrow is not None:
            self._narrow.are_updated = True

    def update(
        self,
        statistics: Statistics,
        learning_rate: float,
        momentum: float,
        weight_decay: float,
        rate_share: float = 1.0,
    ) -> None:
        rate = learning_rate * rate_share
        self.move(statistics.by_parameter(), statistics.batch_size, rate, momentum, weight_decay)

    def size(self) -> Tensor:
        size: Tensor = torch.linalg.vector_norm(self.velocity["weights"], 1)
        return size

    def forget(self) -> None:
        for velocity in self.velocity.values():
            velocity.zero_()

    def state(self) -> dict[str, Tensor]:
        return {f"velocity.{name}": tensor for name, tensor in self.velocity.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        for name, tensor in tensors_under("velocity.", tensors).items():
            self.velocity[name].copy_(tensor)

    @torch.no_grad()
    def move(
        self, sums: Mapping[str, Tensor], batch_size: int, learning_rate: float, momentum: float, weight_decay: float
    ) -> None:
        """Change the parameters of these names by one step along sums over a batch; the sums are overwritten."""
        self._divisor.fill_(batch_size / learning_rate)
        self._momentum.fill_(momentum)
        self._decay.fill_(learning_rate * weight_decay)
        triples = {
            name: (parameter, sums[name], self.velocity[name])
            for name, parameter in self._parameters.items()
            if name in sums
        }
        if self._together is not None and len(triples) == len(self._parameters):
            self._move_together(self._together, triples.values())
        else:
            for name, triple in triples.items():
                decay = learning_rate * weight_decay if name == "weights" else 0.0
                if self._fused_agrees and momentum > 0:  # without momentum PyTorch's SGD keeps no velocity
                    _fused(*triple, self._divisor, momentum, decay)
                else:
                    _plain(*triple, self._divisor, self._momentum, self._decay if decay else None)
        for units in self._units:
            units.constrain_()

    def _move_together(self, together: Fused, triples: Iterable[tuple[Tensor, Tensor, Tensor]]) -> None:
        narrow = None if self._narrow is None else self._narrow.weights
        rates = (self._divisor, self._momentum, self._decay)
        together(*rates, narrow, *itertools.chain.from_iterable(triples))
        compiled = self._compiler is not None and self._compiler.works
        if self._narrow is not None:
            self._narrow.are_new, self._narrow.are_updated = True, compiled
        if not compiled:  # from the next step on as without a compiler
            self._together = self._narrow = None

    def _move_all(
        self, divisor: Tensor, momentum: Tensor, decay: Tensor, narrow: Tensor | None, *tensors: Tensor
    ) -> None:
        """`_plain` for parameter, sums and velocity of each name; `narrow` becomes the weights."""
        for number, name in enumerate(self._parameters):
            parameter, sums, velocity = tensors[3 * number : 3 * number + 3]
            _plain(parameter, sums, velocity, divisor, momentum, decay if name == "weights" else None)
            if narrow is not None and name == "weights":
                narrow.copy_(parameter)


def _plain(
    parameter: Tensor, sums: Tensor, velocity: Tensor, divisor: Tensor, momentum: Tensor, decay: Tensor | None
) -> None:
    """V = m V + S / divisor - decay W; W += V."""
    velocity.mul_(momentum).addcdiv_(sums, divisor)
    if decay is not None:
        velocity.addcmul_(parameter, decay, value=-1)
    parameter.add_(velocity)


def _fused(parameter: Tensor, sums: Tensor, velocity: Tensor, divisor: Tensor, momentum: float, decay: float) -> None:
    """The same in one pass over memory, where `_plain` takes four: PyTorch's SGD, W -= lr V with lr = -1.

    `torch.optim.SGD(fused=True)` would call the same, but takes longer than it to get there.
    """
    torch._fused_sgd_(
        [parameter],
        [sums],
        [velocity],
        weight_decay=-decay,
        momentum=momentum,
        lr=-1.0,
        dampening=0.0,
        nesterov=False,
        maximize=False,
        is_first_step=False,
        grad_scale=divisor,
    )


@torch.no_grad()
def _fused_agrees(like: Tensor) -> bool:
    """Whether `_fused` does what `_plain` does with tensors of this type on this device, found out by trying.

    PyTorch keeps the function to itself: in another version it may be missing, take other arguments, or mean something
    else, and it takes neither every device nor every type.
    """
    results = []
    for is_fused in (False, True):
        parameter, sums, velocity, divisor, momentum, decay = map(like.new_tensor, (1.0, 2.0, 3.0, 4.0, 0.25, 0.125))
        try:
            if is_fused:
                _fused(parameter, sums, velocity, divisor, 0.25, 0.125)
            else:
                _plain(parameter, sums, velocity, divisor, momentum, decay)
        except Exception:  # nobody promises how a private function refuses
            return False
        results.append(torch.stack([parameter, velocity]))
    plain, fused = results
    return torch.allclose(plain, fused)
