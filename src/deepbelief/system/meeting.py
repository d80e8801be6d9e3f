"""Where processes that `torchrun` started find each other, also after it has started them anew."""

import os
import time
import uuid
from typing import Any, Final

from torch import distributed as torch_distributed

_distributed: Any = torch_distributed  # whose functions have no types
_PAUSE: Final = 0.02  # seconds between two looks of the first process
_PATIENCE: Final = 300.0  # seconds until all have come


def meet() -> tuple[Any, int, int]:
    """A store in which only processes that are alive now have written, and the rank and the number of processes.

    `torchrun` may keep the store of processes that were killed for those that it starts in their place
    (https://github.com/pytorch/pytorch/issues/135712). These would find addresses there at which nobody answers any
    more. So the first process makes up a name for this meeting, and gives it to each of the others in answer to a name
    that the other has just made up: an old answer is to an old name.

    Raises:
        RuntimeError: the others do not come.
    """
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    kept = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = _distributed.TCPStore(address, port, is_master=rank == 0 and not kept, wait_for_workers=False)
    own = uuid.uuid4().hex
    if rank > 0:
        store.set(f"deepbelief/hello/{rank}", own)
        meeting = store.get(f"deepbelief/meeting/{own}").decode()  # waits until it is there
        store.set(f"deepbelief/here/{meeting}/{rank}", own)
    else:
        meeting = own
        _answer_all(store, meeting, count)
    return _distributed.PrefixStore(f"deepbelief/{meeting}", store), rank, count


def _answer_all(store: Any, meeting: str, count: int) -> None:
    """Tell every other process the name of the meeting, until all of them have heard it."""
    missing, end = set(range(1, count)), time.monotonic() + _PATIENCE
    while missing:
        for rank in sorted(missing):
            if store.check([f"deepbelief/hello/{rank}"]):
                store.set(f"deepbelief/meeting/{store.get(f'deepbelief/hello/{rank}').decode()}", meeting)
        missing -= {rank for rank in missing if store.check([f"deepbelief/here/{meeting}/{rank}"])}
        if time.monotonic() > end:
            raise RuntimeError(f"processes {sorted(missing)} did not come")
        time.sleep(_PAUSE)
