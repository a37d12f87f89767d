"""The machine that a run happens on: its name, its cores, and what processes cost on it."""

import contextlib
import os
import platform
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


EVERY_CORE = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
"""The cores that we had at the start; empty where the system does not say (macOS)."""


def share_cores() -> tuple[list[int], str]:
    """Puts us, and so all that we start, on the last core; the cores for a server, and what to say of it.

    Where there is but one core, or no way to choose, all stay where they are.
    """
    if len(EVERY_CORE) < 2:
        return EVERY_CORE, "not pinned: all processes share the cores"
    server, rest = EVERY_CORE[:1], EVERY_CORE[-1:]
    os.sched_setaffinity(0, rest)
    where = f"the server on core {server[0]}, PostgreSQL and the load generator on core {rest[0]}"
    return server, f"pinned: {where}"


@contextlib.contextmanager
def on(cores: Iterable[int]) -> Iterator[None]:
    """What is started within runs on these cores, as it inherits them from us."""
    if not EVERY_CORE:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cores_of_us() -> list[int]:
    """The cores that we may run on now."""
    return sorted(os.sched_getaffinity(0)) if EVERY_CORE else []


def move(processes: Iterable[int], cores: Iterable[int]) -> None:
    """Lets processes run on these cores from now on."""
    for one in processes:
        with contextlib.suppress(OSError):  # ended
            os.sched_setaffinity(one, cores)


def processor() -> str:
    try:
        lines = (PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def describe() -> dict[str, str]:
    memory = ""
    if (PROC / "meminfo").exists():
        kib = int((PROC / "meminfo").read_text().split()[1])
        memory = f"{kib / 2**20:.0f} GiB"
    found = {
        "processor": processor(),
        "cores": str(len(EVERY_CORE) or os.cpu_count()),
        "memory": memory,
        "kernel": f"{platform.system()} {platform.release()}",
    }
    return {name: value for name, value in found.items() if value}


def load() -> str:
    """How many processes wanted a core in the last minute, on average."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir() if PROC.exists() else ():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    found = [pid]
    for one in found:
        found += children[one]
    return found


def cpu(pid: int) -> float | None:
    """Seconds of CPU that a process and its children took so far; None where the system does not say.

    Of the children that live, and of those that the process has seen end.
    """
    if not PROC.exists():
        return None
    fields = _stat(pid)
    ended = (int(fields[13]) + int(fields[14])) / TICKS if fields else 0.0
    return ended + sum(_cpu(one) for one in family(pid))


def _cpu(pid: int) -> float:
    try:
        # Exact, and without the wait for a core; of each thread that lives.
        tasks = list((PROC / str(pid) / "task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except OSError:  # ended, or a kernel that does not count so
        fields = _stat(pid)
        return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields behind the name, of which the first is the state; none of a process that ended."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
