"""How the garbage collector runs in processes that do much."""

import gc


def spare_collector(young: int = 50_000) -> None:
    """Lets the garbage collector pass over what lives as long as the process: the schema alone is a million
    objects, and each of its runs would look at them all. What comes and goes holds no cycles, so few runs
    will do: one after each `young` new containers."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, 20, 20)
