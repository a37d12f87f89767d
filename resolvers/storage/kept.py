"""Caches that are bounded in bytes: what callers send decides how large an entry is."""

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """What was used last stays, as long as all together takes no more than so many bytes."""

    def __init__(self, bytes_at_most: int) -> None:
        self._most = bytes_at_most
        self._found: OrderedDict[Any, tuple[T, int]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: Any) -> T | None:
        found = self._found.get(key)
        if found is None:
            return None
        self._found.move_to_end(key)
        return found[0]

    def put(self, key: Any, value: T, size: int) -> None:
        """Keeps a value in place of what was kept under the key, if it is not larger than all may be."""
        self.drop(key)
        if size > self._most:
            return
        self._found[key] = value, size
        self.bytes += size
        while self.bytes > self._most:
            self.drop(next(iter(self._found)))

    def grow(self, key: Any, size: int) -> None:
        """A value that is kept has become larger."""
        found = self._found.get(key)
        if found is not None:
            self.put(key, found[0], found[1] + size)

    def drop(self, key: Any) -> None:
        _, size = self._found.pop(key, (None, 0))
        self.bytes -= size


def kept(bytes_at_most: int, size: Callable[[Any], int]) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """A decorator: keeps what a function gives, by its arguments. `size` tells how many bytes a result takes
    with the arguments that it was made of; one that takes more than a hundredth of all is not kept."""

    def decorate(make: Callable[..., T]) -> Callable[..., T]:
        cache: Kept[T] = Kept(bytes_at_most)

        @functools.wraps(make)
        def found(*arguments: Any) -> T:
            one = cache.get(arguments)
            if one is None:
                one = make(*arguments)
                taken = size(one)
                if taken <= bytes_at_most // 100:
                    cache.put(arguments, one, taken)
            return one

        found.cache = cache  # type: ignore[attr-defined]
        return found

    return decorate
