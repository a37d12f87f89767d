"""The systems that are measured: how each is started, on which core it runs, and what it has cost."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import machine
from workloads import BARE, FLOOR, NAIVE, ORDINARY, POSTGRAPHILE, STATIC, TMFGRAPH

HERE = Path(__file__).parent
ROOT = HERE.parent
TOOL = (sys.executable, "-m", "tmfgraph")
PEER = HERE / "postgraphile"
NODE_AT_LEAST = 22


class Unavailable(Exception):
    """A system cannot be measured here; the message says why."""


class System:
    """A server in a process of its own."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        port: int,
        checkout: Path = ROOT,
    ) -> None:
        self.name, self.port, self.checkout = name, port, checkout
        self.token = ""  # for each request, where one is needed
        self.command, self.environment = list(command), dict(environment)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, cores: Sequence[int], log: Path) -> None:
        """Starts the server on these cores."""
        with log.open("ab") as file, machine.on(cores):
            self.process = subprocess.Popen(
                self.command,
                env=environment(self.checkout, **self.environment),
                cwd=self.checkout,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        for _ in range(600):
            if self.process.poll() is not None:
                break
            if answers(self.port):
                return
            time.sleep(0.1)
        text = log.read_text(errors="replace")[-2000:]
        self.stop()
        raise SystemExit(f"{self.name} did not start: {' '.join(self.command)}\n{text}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def ask(self, method: str, path: str, body: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """The status and the body of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body.encode() or None, dict(headers))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def cpu(self) -> float | None:
        """Seconds of CPU that the process and its children took so far."""
        assert self.process is not None
        return machine.cpu(self.process.pid)


def environment(checkout: Path = ROOT, **more: str) -> dict[str, str]:
    """Ours without the settings of tmfgraph, and with whatever a server of a checkout needs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TMFGRAPH_")}
    return {**kept, "PYTHONPATH": str(checkout), **more}


def answers(port: int, path: str = "/") -> int:
    """The status with which something answers on the port; 0 where nothing does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def with_token(ours: System, directory: Path) -> System:
    """The same server with authentication on, and a token that may read and write everything."""
    where = ["--data-dir", str(directory)]
    command = [*TOOL, "token", "--scope", "*:*:*", "--minutes", "1440", *where]
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True)
    ours.token = done.stdout.strip()
    ours.command += ["--auth", "on", *where]
    return ours


def _tmfgraph(url: str) -> System:
    port = free_port()
    flags = ["--port", str(port), "--database-url", url, "--log-level", "warning"]
    return System(TMFGRAPH, [*TOOL, "serve", *flags], {}, port)


def _uvicorn(name: str, app: str, url: str) -> System:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--app-dir", str(HERE), "--port", str(port)]
    flags = ["--no-access-log", "--log-level", "warning"]
    return System(name, [*command, *flags], {"TMFGRAPH_DATABASE_URL": url}, port)


def _postgraphile(url: str) -> System:
    port = free_port()
    made = {"NODE_ENV": "production", "GRAPHILE_ENV": "production", "DATABASE_URL": url, "PORT": str(port)}
    return System(POSTGRAPHILE, [node(), str(PEER / "server.mjs")], made, port)


def node() -> str:
    """A Node.js that is new enough: that of npm. Installs the peer where that has not happened yet."""
    packages, lock = PEER / "node_modules", PEER / "package-lock.json"
    mark = packages / ".package-lock.json"  # which npm writes last
    if not mark.exists() or mark.stat().st_mtime < lock.stat().st_mtime:
        npm = shutil.which("npm")
        if npm is None:
            raise Unavailable("npm is not there to install PostGraphile with")
        print("installing PostGraphile with npm ...", file=sys.stderr)
        command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=PEER, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise Unavailable(f"npm cannot install PostGraphile: {done.stderr.strip()[-500:]}")
    for command in (*map(str, packages.glob("node-*/bin/node")), shutil.which("node")):
        if command and _node_version(command) >= NODE_AT_LEAST:
            return command
    raise Unavailable(f"there is no Node.js of version {NODE_AT_LEAST} or newer, and npm has none for us")


def _node_version(command: str) -> int:
    try:
        done = subprocess.run([command, "--version"], check=False, capture_output=True, text=True)
        return int(done.stdout.strip().lstrip("v").partition(".")[0])
    except (OSError, ValueError):
        return 0


MAKERS = {
    TMFGRAPH: _tmfgraph,
    POSTGRAPHILE: _postgraphile,
    ORDINARY: lambda url: _uvicorn(ORDINARY, "ordinary:app", url),
    FLOOR: lambda url: _uvicorn(FLOOR, "floor:app", url),
    STATIC: lambda url: _uvicorn(STATIC, "floor:app", url),
    NAIVE: lambda url: _uvicorn(NAIVE, "naive:app", url),
    BARE: lambda url: _uvicorn(BARE, "floor:app", url),
}
