"""The connections to the database: who gets the next one, what comes back usable, and what is counted."""

import asyncio
import datetime as dt
import itertools
import random
import resource
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import pytest
import sqlalchemy as sa
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy.pool import NullPool

from models import WHOLE
from resolvers.errors import TooMuch, Unavailable
from resolvers.storage import driver
from resolvers.storage import pool as connections
from resolvers.storage.budget import Bounds, Budget
from resolvers.storage.engine import new_engine
from resolvers.storage.pool import LEFT, Lent, Pool
from resolvers.storage.reads import Statement
from resolvers.storage.store import Store


@asynccontextmanager
async def pooled(url: str, size: int) -> AsyncIterator[Pool]:
    engine = new_engine(url, poolclass=NullPool)
    try:
        yield Pool(engine, size=size)
    finally:
        await engine.dispose()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


async def settled(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# ---- the queue -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_each_line_is_served_in_order_and_none_is_lost(
    postgres: str, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Readers and writers come, give up and give back at random; nobody is passed over or forgotten."""
    monkeypatch.setattr(connections, "SECONDS_TRUSTED", 1000.0)
    rng = random.Random(seed)
    size = rng.choice([1, 2, 3, 5])
    writers = size - min(LEFT, size // 2)

    async def work() -> None:
        async with pooled(postgres, size) as pool:
            for lent in [await pool.take() for _ in range(size)]:
                pool.give(lent)
            held: list[Lent] = []
            lines: dict[bool, list[asyncio.Task[Lent]]] = {False: [], True: []}
            for _ in range(400):
                step = rng.random()
                if step < 0.5:
                    writes = rng.random() < 0.5
                    lines[writes].append(asyncio.create_task(pool.take(writes=writes)))
                elif step < 0.9 and held:
                    pool.give(held.pop(rng.randrange(len(held))))
                elif both := lines[True] + lines[False]:
                    rng.choice(both).cancel()
                await settled()
                for writes, line in lines.items():
                    line[:] = [one for one in line if not one.cancelled()]
                    served = [one for one in line if one.done()]
                    assert served == line[: len(served)]
                    held += [one.result() for one in served]
                    lines[writes] = line[len(served) :]
                writing = sum(lent.writes for lent in held)
                assert writing <= writers
                assert not lines[False] or len(held) == size
                assert not lines[True] or len(held) == size or writing == writers
            for one in lines[True] + lines[False]:
                one.cancel()
            await settled()
            for lent in held:
                pool.give(lent)
            for lent in [await asyncio.wait_for(pool.take(), 2) for _ in range(size)]:
                pool.give(lent)

    run(work())


def test_readers_and_writers_are_let_in_by_turns(postgres: str) -> None:
    async def work() -> None:
        async with pooled(postgres, 1) as pool:
            first = await pool.take()
            order: list[str] = []

            async def wait(name: str, writes: bool) -> None:
                lent = await pool.take(writes=writes)
                order.append(name)
                await asyncio.sleep(0)
                pool.give(lent)

            many = [wait(f"w{n}", True) for n in range(4)] + [wait(f"r{n}", False) for n in range(4)]
            tasks = [asyncio.create_task(one) for one in many]
            await settled()
            pool.give(first)
            await asyncio.gather(*tasks)
            kinds = [name[0] for name in order]
            assert all(a != b for a, b in itertools.pairwise(kinds))
            assert [n for n in order if n[0] == "w"] == ["w0", "w1", "w2", "w3"]
            assert [n for n in order if n[0] == "r"] == ["r0", "r1", "r2", "r3"]

    run(work())


@pytest.mark.parametrize("size", [2, 3, 4, 10])
def test_writers_never_have_all_connections(postgres: str, size: int) -> None:
    """However many wait for a lock, who reads finds a connection."""

    async def work() -> None:
        async with pooled(postgres, size) as pool:
            writing = [await pool.take(writes=True) for _ in range(size - min(LEFT, size // 2))]
            pool._seconds = 0.05
            assert len(writing) >= size / 2
            with pytest.raises(Unavailable, match="busy"):
                await pool.take(writes=True)
            pool._seconds = 4
            for _ in range(3):
                pool.give(await pool.take())
            for lent in writing:
                pool.give(lent)

    run(work())


def test_who_gets_none_in_time_hears_that_they_are_busy(postgres: str) -> None:
    async def work() -> None:
        async with pooled(postgres, 1) as pool:
            lent = await pool.take()
            pool._seconds = 0.05
            for writes in (False, True):
                with pytest.raises(Unavailable, match="busy"):
                    await pool.take(writes=writes)
            pool.give(lent)
            pool._seconds = 4
            pool.give(await pool.take())

    run(work())


def test_a_connection_that_could_not_be_made_leaves_room_for_another(postgres: str) -> None:
    async def work() -> None:
        engine = new_engine("postgresql://nobody@127.0.0.1:1/none", poolclass=NullPool)
        pool = Pool(engine, size=2)
        for _ in range(5):
            with pytest.raises(ConnectionRefusedError):
                await pool.take()
        assert pool._free == 2

    run(work())


@pytest.mark.parametrize("state", ["closed here", "ended there", "in a transaction", "old"])
def test_only_what_is_as_good_as_new_is_given_out(postgres: str, state: str) -> None:
    async def work() -> None:
        async with pooled(postgres, 1) as pool:
            lent = await pool.take()
            if state == "in a transaction":
                await lent.driver.execute("begin")
            pool.give(lent)
            if state == "closed here":
                await lent.driver.close()
            elif state == "ended there":
                admin = await asyncpg.connect(postgres)
                await admin.execute("select pg_terminate_backend($1)", lent.driver.get_server_pid())
                await admin.close()
                lent.since = 0.0
            elif state == "old":
                lent.since = 0.0
            other = await pool.take()
            assert (other is lent) == (state == "old")
            assert await other.driver.fetchval("select 1") == 1
            assert not other.driver.is_in_transaction()
            pool.give(other)

    run(work())


# ---- cancelled in the middle -------------------------------------------------------------------------


async def running(postgres: str, mark: str) -> int:
    admin = await asyncpg.connect(postgres)
    try:
        return await admin.fetchval(
            "select count(*) from pg_stat_activity where state = 'active' and query like $1"
            " and pid <> pg_backend_pid()",
            f"%{mark}%",
        )
    finally:
        await admin.close()


async def until(condition: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    for _ in range(400):
        if await condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to this")


@pytest.mark.parametrize("in_transaction", [False, True])
def test_what_is_cancelled_ends_in_the_database_and_leaves_the_pool_whole(
    postgres: str, in_transaction: bool
) -> None:
    sql = f"select pg_sleep(50) /* cancelled {in_transaction} */"

    async def work() -> None:
        async with pooled(postgres, 2) as pool:

            async def slow() -> None:
                if in_transaction:
                    async with pool.begin() as connection:
                        await connection.execute(sa.text(sql))
                    return
                lent = await pool.take()
                try:
                    await lent.driver.fetch(sql)
                except BaseException:
                    pool.give_in_the_middle(lent)
                    raise

            for _ in range(3):
                task = asyncio.create_task(slow())

                async def seen() -> bool:
                    return await running(postgres, sql) == 1

                async def gone() -> bool:
                    return await running(postgres, sql) == 0

                await until(seen)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await until(gone)
            taken = [await asyncio.wait_for(pool.take(), 5) for _ in range(2)]
            for lent in taken:
                assert await lent.driver.fetchval("select 1") == 1
                pool.give(lent)

    run(work())


def test_a_commit_that_has_begun_is_not_left_halfway(postgres: str) -> None:
    """The cancellation comes while the commit runs (a deferred trigger sleeps in it): it is carried out."""
    setup = """
        create table slowly (n int);
        create function sleep() returns trigger language plpgsql as
            $$ begin perform pg_sleep(0.5); return null; end $$;
        create constraint trigger slow after insert on slowly deferrable initially deferred
            for each row execute function sleep();
    """

    async def work() -> None:
        admin = await asyncpg.connect(postgres)
        await admin.execute(setup)
        async with pooled(postgres, 1) as pool:
            done: list[str] = []

            async def insert() -> None:
                async with pool.begin() as connection:
                    await connection.execute(sa.text("insert into slowly values (1)"))
                done.append("committed")

            async def committing() -> bool:
                return await running(postgres, "COMMIT") == 1

            task = asyncio.create_task(insert())
            await until(committing)
            task.cancel()
            await task
            assert done == ["committed"]
            assert await admin.fetchval("select count(*) from slowly") == 1
            pool.give(await asyncio.wait_for(pool.take(), 2))
        await admin.execute("drop table slowly; drop function sleep")
        await admin.close()

    run(work())


# ---- bytes -----------------------------------------------------------------------------------------


def test_the_private_names_of_the_driver_are_those_we_know(postgres: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(postgres)
        transport: Any = connection._transport
        assert transport.get_protocol() is connection._protocol
        meter = driver.Meter(connection)
        assert transport.get_protocol() is meter
        assert await connection.fetchval("select 1") == 1
        await connection.close()
        assert connection.is_closed()

    run(work())


SHAPES = {
    "many small rows": "select n, 'some text' from generate_series(1, 40000) n",
    "few large rows": "select repeat('x', 100000) from generate_series(1, 10)",
    "one large row": "select repeat('x', 1000000)",
    "many columns": f"select {', '.join(['n'] * 100)} from generate_series(1, 3000) n",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_bytes_that_statements_bring_are_counted(postgres: str, shape: str) -> None:
    async def work() -> None:
        async with pooled(postgres, 1) as pool:
            engine = pool._engine()
            assert engine is not None
            budget = Budget(Bounds(read_bytes=10_000_000))
            store = Store(engine, WHOLE, budget=budget)
            found = await store.fetch(Statement(SHAPES[shape]))
            bare = sum(len(str(value)) for row in found for value in row)
            assert bare * 0.9 < budget.read_bytes < bare * 9
            after_one = budget.read_bytes
            await store.fetch(Statement(SHAPES[shape]))
            assert budget.read_bytes == pytest.approx(2 * after_one, rel=0.1)

    run(work())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("way", ["fetch", "transaction"])
def test_a_statement_that_brings_too_much_ends_while_it_runs(postgres: str, shape: str, way: str) -> None:
    at_most = 300_000

    async def work() -> None:
        async with pooled(postgres, 2) as pool:
            engine = pool._engine()
            assert engine is not None

            async def read(budget: Budget) -> None:
                if way == "fetch":
                    await Store(engine, WHOLE, budget=budget).fetch(Statement(SHAPES[shape]))
                    return
                async with pool.begin(count=budget.read_more_bytes) as connection:
                    await connection.execute(sa.text(SHAPES[shape]))

            for _ in range(4):
                budget = Budget(Bounds(read_bytes=at_most))
                with pytest.raises(TooMuch, match="bytes read"):
                    await read(budget)
                # It was cut off within one piece that the socket gave.
                assert at_most < budget.read_bytes < at_most + 600_000
            # Others are not concerned.
            assert len(await Store(engine, WHOLE).fetch(Statement(SHAPES[shape]))) > 0

    run(work())


def test_what_is_too_much_does_not_come_into_memory(postgres: str) -> None:
    """200 documents of 2 MB: without a bound the process would grow by 400 MB."""
    large = "select repeat(md5(n::text), 62500) from generate_series(1, 200) n"

    async def work() -> None:
        async with pooled(postgres, 1) as pool:
            engine = pool._engine()
            assert engine is not None
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            with pytest.raises(TooMuch):
                await Store(engine, WHOLE, budget=Budget(Bounds(read_bytes=20_000_000))).fetch(
                    Statement(large)
                )
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown < 60_000  # kB

    run(work())


def test_several_statements_of_one_request_share_its_bound(postgres: str) -> None:
    """Run beside each other they may bring together what one of them may."""

    async def work() -> None:
        async with pooled(postgres, 5) as pool:
            engine = pool._engine()
            assert engine is not None
            budget = Budget(Bounds(read_bytes=2_000_000))
            store = Store(engine, WHOLE, budget=budget)
            many = [store.fetch(Statement(SHAPES["one large row"])) for _ in range(5)]
            ended = await asyncio.gather(*many, return_exceptions=True)
            assert any(isinstance(one, TooMuch) for one in ended)
            assert budget.read_bytes < 2_000_000 + 5 * 600_000

    run(work())


def certificate(directory: Path) -> Path:
    """A key and a certificate for localhost, made for one test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = directory / "localhost.pem"
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem)
    file.write_bytes(text)
    return file


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("way", ["unix", "tcp", "tls"])
def test_bytes_are_counted_over_every_kind_of_socket(
    postgres: str, tmp_path: Path, way: str, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """PostgreSQL of the tests listens on a Unix socket; TCP and TLS end in front of it."""
    query = dict(parse_qsl(urlsplit(postgres).query))
    file = f"{query['host']}/.s.PGSQL.{query['port']}"
    client, server = ssl.create_default_context(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    server.load_cert_chain(certificate(tmp_path))

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_unix_connection(file)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()
            except OSError:
                pass
            finally:
                target.close()

        await asyncio.gather(copy(reader, outer), copy(inner, writer))

    async def work() -> None:
        front = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=server if way == "tls" else None)
        port = front.sockets[0].getsockname()[1]
        options: dict[str, Any] = {} if way == "unix" else {"host": "127.0.0.1", "port": port, "ssl": False}
        if way == "tls":
            options |= {"ssl": client, "direct_tls": True}
        for at_most in (10_000_000, 300_000):
            connection = await asyncpg.connect(postgres, **options)
            meter, budget = driver.Meter(connection), Budget(Bounds(read_bytes=at_most))
            if at_most < 1_000_000:
                with pytest.raises(TooMuch):
                    await meter.fetch(SHAPES["few large rows"], (), budget.read_more_bytes)
                await asyncio.sleep(0)
                assert connection.is_closed()
            else:
                await meter.fetch(SHAPES["few large rows"], (), budget.read_more_bytes)
                assert 1_000_000 < budget.read_bytes < 1_100_000
                await connection.close()
        front.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(work(), 60))
