"""The small process that runs an embedded PostgreSQL server and stops it when its last user is gone.

`tmfgraph.embedded` starts this file as a program and shares its `Lock`, `Order` and `ask`. It imports the
standard library only, so that it starts in milliseconds, whatever the import path of its user is.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

NAME = "tmfgraph"  # of the role and of the database
PORT = 5432  # only a part of the socket's file name, as nothing listens on TCP
POLL = 0.1  # seconds between two looks at whether users and server are still there
SILENCE_LIMIT = 30.0  # seconds a new server may take until it says anything
RECOVERY_LIMIT = 600.0  # seconds a server may say that it is still starting; it may have much to recover
LEFTOVER_LIMIT = 5.0  # seconds the processes of a killed server get to notice it
RESTARTS_A_MINUTE = 5

# What `ask` returns beside the SQLSTATE of an error.
READY = "ready"
ABSENT = "nobody listens"
SILENT = "no answer"

# Errors that say: there is a server, and it will accept connections by itself.
STARTING = "57P03"
FULL = "53300"
NO_DATABASE = "3D000"


class Failed(Exception):
    """The server cannot run; the message is a sentence."""


class Order(NamedTuple):
    """What a user of the server tells the guard that it starts."""

    place: str  # the directory that holds the cluster, the locks and the log
    binaries: str
    major: int
    socket: str
    durable: bool
    account: tuple[int, int] | None  # user id and group id to run PostgreSQL as; None = ours
    guard_fd: int  # the guard lock, held already
    report_fd: int  # where to write READY or what went wrong


# ---- locks -----------------------------------------------------------------------------------

_open: "set[Lock]" = set()


class Lock:
    """An flock on a file: the kernel gives it up with its last descriptor, however a process ends.

    Such a lock belongs to the open file, which a child process shares. So that no child keeps a lock by
    accident, the descriptor is closed by every exec (as Python's descriptors are, unless handed on by
    name) and, for children that fork without exec, by `_forget_locks`.
    """

    def __init__(self, path: Path, fd: int = -1) -> None:
        self.path = path
        self.fd = fd
        if fd >= 0:
            _open.add(self)

    def exclusive(self) -> bool:
        """Take, or convert to, the exclusive lock without waiting; False, and nothing held, if taken."""
        return self._take(fcntl.LOCK_EX)

    def shared(self) -> bool:
        """Take the shared lock, without waiting; False if another process holds it exclusively."""
        return self._take(fcntl.LOCK_SH)

    def _take(self, how: int) -> bool:
        if self.fd < 0:
            self.fd = open_private(self.path)
            _open.add(self)
        try:
            fcntl.flock(self.fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Give the lock up, for every process that shares it."""
        if self.fd >= 0:
            fcntl.flock(self.fd, fcntl.LOCK_UN)
        self.close()

    def close(self) -> None:
        """Close this descriptor; a process that was handed a copy of it keeps the lock."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            _open.discard(self)

    def in_place(self) -> bool:
        """Whether the file is still the one at its path: no longer, when the directory was removed."""
        with contextlib.suppress(OSError):
            return self.fd >= 0 and os.path.samestat(os.fstat(self.fd), self.path.stat())
        return False


def _forget_locks() -> None:
    for lock in list(_open):
        lock.close()


os.register_at_fork(after_in_child=_forget_locks)


# ---- files -----------------------------------------------------------------------------------


def open_private(path: Path, flags: int = os.O_RDWR) -> int:
    """Open a file of ours, made with mode 0600 when it is missing."""
    fd = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        # Root on the directory of somebody else (sudo): they must be able to open the file another day.
        made, directory = os.fstat(fd), path.parent.stat()
        if made.st_uid == 0 and made.st_nlink == 1 and directory.st_uid != 0:
            os.fchown(fd, directory.st_uid, directory.st_gid)
    return fd


def private_directory(path: Path, account: tuple[int, int] | None) -> Path:
    """Make the directory, if it is missing, for PostgreSQL's account and nobody else."""
    path.mkdir(mode=0o700, exist_ok=True)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(fd, 0o700)
        if account:
            os.fchown(fd, *account)
    finally:
        os.close(fd)
    return path


def record_path(place: Path) -> Path:
    """Where the guard writes which socket the server has, and whether it is durable."""
    return place / "server.json"


def read_record(place: Path) -> tuple[Path, bool] | None:
    """The socket directory of the server that runs, or ran last, and whether it is durable."""
    try:
        record = json.loads(record_path(place).read_text())
        return Path(record["socket"]), bool(record["durable"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def write_file(path: Path, content: str) -> None:
    """Write a file so that a reader finds the old content or the new one, and nothing between."""
    new = path.with_name(path.name + ".new")
    with os.fdopen(open_private(new, os.O_WRONLY | os.O_TRUNC), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


# ---- PostgreSQL's protocol, as far as it is needed here ----------------------------------------


def socket_path(directory: Path) -> Path:
    return directory / f".s.PGSQL.{PORT}"


def ask(directory: Path, database: str = NAME, sql: str = "") -> str:
    """Connect, and run one statement if given: READY, ABSENT, SILENT, or the SQLSTATE of the error."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(60 if sql else 5)
            link.connect(str(socket_path(directory)))
            return _converse(link, database, sql)
    except (ConnectionRefusedError, FileNotFoundError):
        return ABSENT
    except OSError:
        return SILENT


def _converse(link: socket.socket, database: str, sql: str) -> str:
    hello = (196608).to_bytes(4) + f"user\0{NAME}\0database\0{database}\0\0".encode()
    link.sendall((len(hello) + 4).to_bytes(4) + hello)
    outcome, asked = READY, not sql
    with link.makefile("rb") as stream:
        while len(head := stream.read(5)) == 5:
            body = stream.read(int.from_bytes(head[1:]) - 4)
            match head[:1]:
                case b"E":
                    fields = [field for field in body.split(b"\0") if field.startswith(b"C")]
                    outcome = fields[0][1:].decode() if fields else "an error without a code"
                case b"Z" if asked:
                    link.sendall(b"X\0\0\0\4")
                    return outcome
                case b"Z":
                    query = sql.encode() + b"\0"
                    link.sendall(b"Q" + (len(query) + 4).to_bytes(4) + query)
                    asked = True
                case _:
                    pass
    return SILENT if outcome == READY else outcome


# ---- the server --------------------------------------------------------------------------------


class Server:
    """The PostgreSQL server of one place, started by this guard or adopted from one that was killed.

    Postmaster and children inherit the server lock. While it is free, no process of a server exists, so
    whatever `postmaster.pid` says is stale.
    """

    def __init__(self, order: Order) -> None:
        self.order = order
        self.place = Path(order.place)
        self.cluster = self.place / "cluster"
        self.socket = Path(order.socket)
        self.lock = Lock(self.place / "server.lock")
        self.child: subprocess.Popen[Any] | None = None
        self.adopted_pid = 0

    def begin(self) -> None:
        """Return when a server answers: a new one, or the one that an earlier guard left behind."""
        started = time.monotonic()
        self.child = None
        while not self.lock.exclusive():
            if ask(self.socket) != ABSENT:
                record = read_record(self.place)
                if record and self.order.durable and not record[1]:
                    self.stop()  # it could lose what its new user believes is safe
                    continue
                self.adopted_pid = self._recorded_pid()
                break
            waited = time.monotonic() - started
            if waited > LEFTOVER_LIMIT:
                self._kill_leftovers()
            if waited > 3 * LEFTOVER_LIMIT:
                raise Failed(f"Processes of an earlier server still use {self.cluster}; end them first.")
            time.sleep(0.02)
        else:
            self._spawn()
        self._await_ready()

    def alive(self) -> bool:
        if self.child:
            return self.child.poll() is None
        if self.lock.exclusive():
            return False
        return self.adopted_pid == 0 or _exists(self.adopted_pid)

    def stop(self) -> None:
        """End every process of the server: sessions are cut off, then whatever resists is killed."""
        for signum, patience in ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            reached = self._signal(signum)
            deadline = time.monotonic() + (patience if reached else LEFTOVER_LIMIT)
            while time.monotonic() < deadline:
                if self.child:
                    self.child.poll()
                if self.lock.exclusive():
                    return
                time.sleep(0.01)
            if signum == signal.SIGKILL or not reached:
                self._kill_leftovers()

    def _signal(self, signum: int) -> bool:
        """Signal the postmaster; False if there is none to be found."""
        if self.child:
            self.child.send_signal(signum)
            return self.child.returncode is None
        if ask(self.socket) != ABSENT and (pid := self._recorded_pid()):
            # Who listens is the postmaster, so it lives, and the pid in its file is its own.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)
                return True
        return False

    def _recorded_pid(self) -> int:
        """The postmaster's process id as it wrote it down, or 0."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self.cluster / "postmaster.pid").read_text().splitlines()[0])
        return 0

    def _kill_leftovers(self) -> None:
        """Kill what is left of a server without its postmaster: PostgreSQL's processes that hold our lock."""
        ours = os.fstat(self.lock.fd)
        for process in Path("/proc").glob("[0-9]*"):  # there is none on macOS, where waiting must do
            with contextlib.suppress(OSError):
                if (process / "exe").readlink().name.split(" ")[0] not in ("postgres", "initdb"):
                    continue
                if any(os.path.samestat(ours, file.stat()) for file in (process / "fd").iterdir()):
                    os.kill(int(process.name), signal.SIGKILL)

    def _spawn(self) -> None:
        if not self.lock.in_place():
            raise Failed(f"The data directory {self.place} was removed while its server was running.")
        if not self.cluster.exists():
            self._initdb()
        for stale in (
            self.cluster / "postmaster.pid",
            socket_path(self.socket),
            socket_path(self.socket).with_name(socket_path(self.socket).name + ".lock"),
        ):
            stale.unlink(missing_ok=True)
        record = {"socket": self.order.socket, "durable": self.order.durable}
        write_file(record_path(self.place), json.dumps(record))
        arguments = [f"--{name}={value}" for name, value in self._settings().items()]
        command = self._program("postgres", "-D", str(self.cluster), *arguments)
        self.child = subprocess.Popen(command, **self._as())
        self.lock.close()  # from here on PostgreSQL's processes alone hold it
        self.lock.exclusive()  # in vain, but it opens the file while it can be found at its path

    def _settings(self) -> dict[str, str]:
        quoted = self.order.socket.replace('"', '""')
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{quoted}"',
            "max_connections": "100",
            "shared_buffers": "128MB",
            "max_wal_size": "1GB",
            "max_parallel_workers_per_gather": "0",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_destination": "stderr",
            "logging_collector": "off",
        }
        if not self.order.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return settings

    def _initdb(self) -> None:
        """Make the cluster under another name, then rename it: a half-made one is never taken for whole."""
        half_made = self.place / "cluster.new"
        if half_made.exists():
            shutil.rmtree(half_made)
        private_directory(half_made, self.order.account)
        locale = ["--locale=C"]
        if self.order.major >= 17:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = [f"--username={NAME}", "--encoding=UTF8", "--auth-local=trust", "--auth-host=reject"]
        options += [*locale, "--no-instructions"]
        if not self.order.durable:
            options += [
                "--no-sync",
                "--wal-segsize=1",
            ]  # most of what a new cluster writes is its first segment
        command = self._program("initdb", "-D", str(half_made), *options)
        made = subprocess.run(command, check=False, **self._as())
        if made.returncode != 0:
            raise Failed(f"PostgreSQL's initdb stopped with exit code {made.returncode} in {half_made}.")
        half_made.rename(self.cluster)
        if self.order.durable:
            directory = os.open(self.place, os.O_RDONLY)
            os.fsync(directory)
            os.close(directory)

    def _program(self, name: str, *arguments: str) -> list[str]:
        return [str(Path(self.order.binaries) / name), *arguments]

    def _as(self) -> dict[str, Any]:
        """How its programs are run: as their account, with the server lock, in a bare environment."""
        # PG* variables would change what the programs do, and the locale their messages.
        libraries = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
        kept = {name: os.environ[name] for name in libraries if name in os.environ}
        how: dict[str, Any] = {
            "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", **kept},
            "pass_fds": (self.lock.fd,),
            "cwd": "/",
            "stdin": subprocess.DEVNULL,
            "stdout": sys.stderr.fileno(),  # the log
            "start_new_session": True,
        }
        if self.order.account:
            user, group = self.order.account
            how |= {"user": user, "group": group, "extra_groups": []}
        return how

    def _await_ready(self) -> None:
        started = time.monotonic()
        while True:
            answer = ask(self.socket)
            if answer in (READY, FULL):
                break
            if answer == NO_DATABASE:
                ask(self.socket, "postgres", f"CREATE DATABASE {NAME}")
            if not self.alive():
                if self.child:
                    code = self.child.returncode
                    raise Failed(
                        f"PostgreSQL stopped with exit code {code} while starting on {self.cluster}."
                    )
                self.begin()  # the adopted one was on its way out
                break
            waited = time.monotonic() - started
            if waited > (RECOVERY_LIMIT if answer == STARTING else SILENCE_LIMIT):
                raise Failed(f"PostgreSQL on {self.cluster} does not answer after {waited:.0f} s ({answer}).")
            time.sleep(0.01)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


# ---- the guard ---------------------------------------------------------------------------------


def watch(server: Server, guard: Lock, users: Lock) -> None:
    """Keep the server running while the users' lock is held or the data is there; then stop it."""
    restarts: list[float] = []
    while not users.exclusive():
        if not guard.in_place():
            break  # the data directory was removed under us
        if not server.alive():
            now = time.monotonic()
            restarts = [earlier for earlier in restarts if earlier > now - 60] + [now]
            if len(restarts) > RESTARTS_A_MINUTE:
                raise Failed(f"PostgreSQL on {server.cluster} stopped {len(restarts)} times within a minute.")
            server.begin()
        time.sleep(POLL)
    server.stop()
    if server.socket.parent != server.place:
        with contextlib.suppress(OSError):
            server.socket.rmdir()


def main(argument: str) -> None:
    if os.fork():
        os._exit(0)  # nobody's child: whoever started us need not collect us, and may end before us
    order = Order(**json.loads(argument))
    os.umask(0o077)
    # A service manager signals every process at once. The users have to finish first, so the guard ends with
    # them and not on a signal. (Handlers, unlike SIG_IGN, are not inherited by PostgreSQL.)
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda *_: None)
    place = Path(order.place)
    guard = Lock(place / "guard.lock", order.guard_fd)
    users = Lock(place / "users.lock")
    server = Server(order)
    try:
        report = _begin(server)
        with contextlib.suppress(BrokenPipeError):  # who started us may be gone, and another user waiting
            os.write(order.report_fd, report.encode())
        os.close(order.report_fd)
        if report == READY:
            watch(server, guard, users)
    except (Failed, OSError) as error:
        print(f"tmfgraph: {error}", file=sys.stderr, flush=True)
    finally:
        if server.child and server.child.poll() is None:
            server.stop()
        # In this order: who finds no guard finds no server, and who gets the users' lock finds no guard.
        server.lock.close()
        guard.release()
        users.release()


def _begin(server: Server) -> str:
    try:
        server.begin()
    except (Failed, OSError) as error:
        return str(error)
    return READY


if __name__ == "__main__":
    main(sys.argv[1])
