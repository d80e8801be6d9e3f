"""Reads items ahead in a thread, in an order that is known."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import final

import torch
from torch import Tensor


@final
class Ahead:
    """Items in an order that is known, of which a window is in memory, and the next one is being read.

    Args:
        order: the positions of all items to come, (items,).
        window: how many of them are read at a time.
        load: gives the items at positions, (batch, width); it is called in the other thread.
        executor: of one thread.
    """

    def __init__(self, order: Tensor, window: int, load: Callable[[Tensor], Tensor], executor: Executor) -> None:
        self._windows = torch.split(order, window)
        self._order, self._window, self._load, self._executor = order, window, load, executor
        self._at = 0  # the item that comes next
        self._number, self._items = -1, torch.empty(0)  # the window in memory
        self._next: Future[Tensor] | None = None
        self._begin(0)

    def _begin(self, number: int) -> None:
        more = number < len(self._windows)
        self._next = self._executor.submit(self._load, self._windows[number]) if more else None

    def take(self, rows: Tensor, buffer: Tensor) -> Tensor | None:
        """The items at ``rows``, (batch, width), if they are those that come next; ``buffer`` may be used for them.

        Raises:
            DataError: they cannot be read.
        """
        end = self._at + len(rows)
        if not torch.equal(rows, self._order[self._at : end]):
            return None
        items, start = buffer[: len(rows)], self._at
        while self._at < end:
            number, offset = divmod(self._at, self._window)
            self._turn_to(number)
            part = self._items[offset : offset + end - self._at]
            if len(part) == len(rows):
                items = part
            else:  # from the end of one window and the beginning of the next
                items[self._at - start : self._at - start + len(part)] = part
            self._at += len(part)
        if self._at == len(self._order):
            self._items = torch.empty(0)  # nothing comes after these, so their window need not stay in memory
        return items

    def _turn_to(self, number: int) -> None:
        if number != self._number:
            assert self._next is not None  # a window before this one began it
            self._items = torch.empty(0)  # gives its memory back before the next but one is read
            self._items, self._number = self._next.result(), number
            self._begin(number + 1)
