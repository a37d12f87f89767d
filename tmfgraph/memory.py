"""How the garbage collector runs in processes that do much."""

import contextlib
import gc
from collections.abc import Iterator


def spare_collector(young: int = 50_000) -> None:
    """Lets the garbage collector pass over what lives as long as the process: the schema alone is a million
    objects, and each of its runs would look at them all. What comes and goes holds no cycles, so few runs
    will do: one after each `young` new containers."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, 20, 20)


@contextlib.contextmanager
def resting_collector() -> Iterator[None]:
    """Lets the garbage collector rest while what stays is made: it would go through it again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
