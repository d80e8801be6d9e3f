"""A compiler that compiles nothing, so that what is recorded of a step can be tested in no time."""

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from deepbelief.system.compilation import Compiled, Compiler


class Recorder(Compiler):
    """Gives back what PyTorch recorded of the work, to be done operation by operation."""

    def __call__(self, work: Callable[..., Sequence[Tensor]], examples: Sequence[Tensor]) -> Compiled | None:
        """The record as a function."""
        return make_fx(work)(*examples)
