"""Run the server: database first, then the processes that answer, and everything released at the end."""

import dataclasses
import errno
import http.client
import logging
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from typing import Any, NoReturn, cast

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from tmfgraph import __version__, database, logs, migrate, paths
from tmfgraph.settings import Settings

log = logging.getLogger(__name__)

# How long a stop waits for requests and subscriptions that still run.
GRACE_SECONDS = 10
# Files that a process has open beside the sockets of its clients and of its pool.
FILES_BESIDES = 200


class CannotListen(RuntimeError):
    """The address cannot be listened on; the message says why and what to do."""


def serve(settings: Settings, *, migrating: bool = True) -> int:
    """Serve until SIGTERM or SIGINT; the exit code.

    Raises CannotListen or DatabaseUnusable; SettingError where the settings of tokens do not do.
    """
    # Uvicorn raises the signal that stopped it once more when it is done: with the default handlers the
    # process would die there, before the embedded PostgreSQL is released.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    embedded = settings.database_url is None
    with _listener(settings.host, settings.port) as listener:
        _check_settings(settings)
        with database.opened(settings) as dsn:
            settings = dataclasses.replace(settings, port=listener.getsockname()[1], database_url=dsn)
            if migrating or embedded:
                migrate.upgrade(dsn)
            elif not migrate.at_head(dsn):
                log.warning("the tables are not of this version; `tmfgraph migrate` brings them up to it")
            if embedded and settings.demo:
                from tmfgraph import demo

                demo.ensure(dsn, settings)
            where = f"embedded PostgreSQL in {settings.data_dir}" if embedded else database.masked(dsn)
            threading.Thread(target=_announce, args=(settings, where), daemon=True).start()
            return _answer(settings, listener)


def _check_settings(settings: Settings) -> None:
    """SettingError where the settings do not fit together, or tokens cannot be checked as they say."""
    _ = settings.tells_executor
    paths.enter()
    from resolvers.access.tokens import Authenticator

    if not Authenticator(settings).is_on:
        log.info(
            "authentication is off, as only this machine reaches %s; --auth on turns it on", settings.host
        )


def _leave(number: int, frame: object) -> NoReturn:
    sys.exit(0)


def _listener(host: str, port: int) -> socket.socket:
    """A bound socket. Binding comes before anything slow, so that a port in use is said at once."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise CannotListen(f"--host {host} is not an address or a name of this machine.") from None
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise CannotListen(_why(host, port, error)) from None
    return listener


def _why(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} on {host} is in use by another program. "
                "Stop that program, or choose another port: --port 0 takes a free one."
            )
        case errno.EACCES:
            return f"Port {port} needs more rights than this user has. Choose one from 1024 up: --port 8000."
        case errno.EADDRNOTAVAIL:
            return f"--host {host} is not an address of this machine."
    return f"{host}:{port} cannot be listened on: {error.strerror}."


def _answer(settings: Settings, listener: socket.socket) -> int:
    # Read by app.create, in the workers and in whatever else the process starts.
    os.environ.update(settings.to_environ())
    paths.enter()
    from tmfgraph.protocol import Front

    _allow_connections(settings)
    several = settings.workers > 1
    config = uvicorn.Config(
        "app:create" if several else _app(settings),
        factory=several,
        workers=settings.workers,
        lifespan="on",
        log_config=logs.config(settings),
        access_log=settings.log_level == "debug",
        server_header=False,
        http=cast(Any, Front(settings)),  # called as the class that uvicorn takes
        timeout_keep_alive=cast(int, settings.keep_alive_timeout),
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    if several:
        with tempfile.TemporaryDirectory(prefix="tmfgraph-metrics-") as counts:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts  # where the workers put their counts together
            parent = Multiprocess(config, sockets=[listener])
            parent.run()
        return STARTUP_FAILURE if any(p.exitcode == STARTUP_FAILURE for p in parent.processes) else 0
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _allow_connections(settings: Settings) -> None:
    """Lets the process hold as many sockets as it may have clients, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.connections_at_most + settings.pool_size + FILES_BESIDES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _app(settings: Settings) -> Any:
    import app

    return app.build(settings)


def _announce(settings: Settings, where: str) -> None:
    """Say that the server is up, once it has really answered."""
    while not _answers(settings):
        time.sleep(0.05)
    if settings.log_format == "json":
        log.info("ready", extra={"url": settings.url, "database": where, "version": __version__})
        return
    print(
        f"\ntmfgraph {__version__} is ready\n"
        f"  Start here  {settings.url}/\n"
        f"  GraphQL     {settings.url}/graphql\n"
        f"  TMF REST    {settings.url}/tmf-api\n"
        f"  Data        {where}\n"
        "Ctrl-C stops it.\n",
        flush=True,
    )


def _answers(settings: Settings) -> bool:
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=5)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
