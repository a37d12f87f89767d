"""A `tmfgraph serve` process for tests: started for real, and stopped for certain."""

import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

MODULE = (sys.executable, "-m", "tmfgraph")
_READY = re.compile(r'is ready\n.*?(http://[^\s/]+)/.*\n(?:.+\n)*\n|"message": "ready", "url": "([^"]+)".*\n')


@contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that PostgreSQL's account may enter: for root, pytest's tmp_path is closed to it."""
    made = Path(tempfile.mkdtemp(prefix="tmfgraph-test-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made)


def environment(**more: str) -> dict[str, str]:
    """This process's environment without its own settings of tmfgraph and of Python's import path."""
    dropped = ("TMFGRAPH_", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)} | more


class Serving:
    """The process, the URL that it said, and what it has printed."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.output = ""
        self.url = ""

    def wait_until_ready(self, seconds: float) -> None:
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not (found := _READY.search(self.output)):
                assert time.monotonic() < deadline, f"not ready after {seconds} s: {self.output}"
                if selector.select(timeout=1):
                    read = os.read(self.process.stdout.fileno(), 65536)
                    assert read, f"ended with {self.process.wait()} before it was ready: {self.output}"
                    self.output += read.decode()
        self.url = found[1] or found[2]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=30)
        self.output += rest.decode()
        return self.process.returncode


@contextmanager
def serving(
    *flags: str, data_dir: Path, command: Sequence[str] = MODULE, cwd: Path | None = None, seconds: float = 60
) -> Iterator[Serving]:
    """A server on a free port with an empty embedded database, once it answers."""
    process = subprocess.Popen(
        [*command, "serve", "--port", "0", "--no-demo", "--data-dir", str(data_dir), *flags],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(PYTHONUNBUFFERED="1"),
        cwd=cwd,
    )
    try:
        served = Serving(process)
        served.wait_until_ready(seconds)
        yield served
    finally:
        if process.poll() is None:
            # SIGTERM first: the workers and PostgreSQL end with their parent only if it may tell them.
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
        if process.stdout is not None:
            process.stdout.close()
        process.wait()
