"""Every setting, declared once: flag, environment variable, default, check and help text come from one line.

A setting is looked up as a flag (`--pool-size 20`), then as an environment variable
(`TMFGRAPH_POOL_SIZE=20`), then as the default.
"""

import argparse
import dataclasses
import ipaddress
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
PREFIX = "TMFGRAPH_"


class SettingError(ValueError):
    """A setting has a value it cannot have; the message names the setting and what is allowed."""


# ---- how the text of a setting is read: each returns the value or says what is allowed -------


def text(given: str) -> str:
    return given


def whole(low: int, high: int) -> Callable[[str], int]:
    def parse(given: str) -> int:
        if given.isascii() and given.isdigit() and low <= int(given) <= high:
            return int(given)
        raise ValueError(f"a whole number from {low} to {high}")

    return parse


def seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(given: str) -> float:
        allowed = f"a number of seconds from {low:g} to {high:g}"
        try:
            value = float(given)
        except ValueError:
            raise ValueError(allowed) from None
        if low <= value <= high:
            return value
        raise ValueError(allowed)

    return parse


def yes_or_no(given: str) -> bool:
    match given.strip().lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
    raise ValueError("yes or no (also true/false, on/off, 1/0)")


def one_of(*allowed: T) -> Callable[[str], T]:
    def parse(given: str) -> T:
        for choice in allowed:
            if choice == given.strip().lower():
                return choice
        raise ValueError("one of " + ", ".join(map(str, allowed)))

    return parse


def directory(given: str) -> Path:
    path = Path(given).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise ValueError("a directory (it is created when it is missing), not a file")
    return path


def postgres_url(given: str) -> str:
    if urlsplit(given).scheme in ("postgresql", "postgres"):
        return given
    raise ValueError("a URL like postgresql://user:password@host:5432/database")


def rate(given: str) -> str:
    amount, _, time = given.partition("/")
    counts = amount.isascii() and amount.isdigit() and len(amount) <= 9 and int(amount) > 0
    if counts and time in ("second", "minute", "hour", "day"):
        return given
    raise ValueError("units in a time: 1000/minute, also per second, hour or day")


def redis_url(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme in ("redis", "rediss") and parts.hostname:
        return given
    raise ValueError("a URL like redis://host:6379/0")


def web_root(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment:
        return given.rstrip("/")
    raise ValueError("an absolute http or https URL without a query, like https://tmf.example.com")


def issuer_url(given: str) -> str:
    parts = urlsplit(given)
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme in ("http", "https") and parts.hostname and plain:
        return given  # as it is: an issuer may end in a slash, and tokens name it to the letter
    raise ValueError("the URL that tokens name as their issuer, like https://login.example.com/realms/tmf")


def existing_file(given: str) -> Path:
    path = Path(given).expanduser().absolute()
    if not path.is_file():
        raise ValueError("a file that is there")
    return path


def default_data_dir() -> Path:
    """Where the embedded PostgreSQL keeps its data unless told otherwise (the XDG rule)."""
    share = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification says that a relative path must be ignored.
    root = Path(share) if Path(share).is_absolute() else Path.home() / ".local" / "share"
    return root / "tmfgraph"


# ---- the table -------------------------------------------------------------------------------

Auth = Literal["off", "on"]
Profile = Literal["development", "production"]
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


def setting(
    default: Any, parse: Callable[[str], Any], metavar: str, help: str, shown: str | None = None
) -> Any:
    """One setting. `help` says what it does, `shown` what its default is where the value says too little."""
    metadata = {"parse": parse, "metavar": metavar, "help": help, "shown": shown}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process, read and checked; see `Settings.read`."""

    host: str = setting(
        "127.0.0.1", text, "ADDRESS", "the address to listen on; 0.0.0.0 means every IPv4 address"
    )
    port: int = setting(
        8000, whole(0, 65535), "PORT", "the TCP port to listen on; 0 takes a free one and prints it"
    )
    base_url: str | None = setting(
        None,
        web_root,
        "URL",
        "what every href and Location starts with; set it behind a proxy",
        "http://HOST:PORT",
    )
    database_url: str | None = setting(
        None, postgres_url, "URL", "the PostgreSQL to use, version 14 or newer", "an embedded PostgreSQL"
    )
    data_dir: Path = setting(
        default_data_dir,
        directory,
        "DIR",
        "where the embedded PostgreSQL keeps its data",
        "$XDG_DATA_HOME/tmfgraph, else ~/.local/share/tmfgraph",
    )
    workers: int = setting(1, whole(1, 64), "N", "how many processes answer requests")
    pool_size: int = setting(10, whole(1, 500), "N", "database connections that each worker may hold")
    statement_timeout: float = setting(
        5.0, seconds(0.1, 3600), "SECONDS", "the longest a database statement of a request may run"
    )
    lock_timeout: float = setting(
        2.0,
        seconds(0.1, 3600),
        "SECONDS",
        "the longest a statement of a request may wait for what another one is changing",
    )
    request_timeout: float = setting(
        5.0, seconds(0.1, 3600), "SECONDS", "the longest a request may take as a whole, GraphQL or REST"
    )
    header_timeout: float = setting(
        10.0, seconds(0.1, 3600), "SECONDS", "the longest a client may take to send the head of a request"
    )
    body_timeout: float = setting(
        30.0,
        seconds(0.1, 3600),
        "SECONDS",
        "the longest a client may take to send the body of a request, or to read an answer",
    )
    keep_alive_timeout: float = setting(
        5.0,
        seconds(0.1, 3600),
        "SECONDS",
        "how long a connection waits for its next request; behind a proxy, longer than that one keeps it",
    )
    connections_at_most: int = setting(
        1000, whole(1, 100_000), "N", "how many clients each worker may be connected with at a time"
    )
    statements_at_most: int = setting(
        100, whole(1, 1_000_000), "N", "how many statements one request may send to the database"
    )
    rows_at_most: int = setting(
        50_000, whole(100, 10_000_000), "N", "how many rows one request may read from the database"
    )
    objects_at_most: int = setting(
        200_000,
        whole(100, 100_000_000),
        "N",
        "how many objects one answer may hold; one that stands in several places counts at each",
    )
    answer_bytes_at_most: int = setting(
        10_000_000, whole(10_000, 1_000_000_000), "BYTES", "how long one answer may be"
    )
    rate_limit: str | None = setting(
        None,
        rate,
        "UNITS/TIME",
        "how much each caller may ask for, such as 1000/minute: 1 for a read, 5 for a write, more for a lot",
        "no limit",
    )
    rate_limit_storage: str | None = setting(
        None,
        redis_url,
        "URL",
        "a Redis that several processes count in together; needs `pip install tmfgraph[redis]`",
        "each process counts for itself",
    )
    profile: Profile | None = setting(
        None,
        one_of("development", "production"),
        "NAME",
        "production: no GraphiQL, no GraphQL by GET, no suggestions of names; introspection needs a scope",
        "development on a loopback address, production on any other",
    )
    document_bytes_at_most: int = setting(
        1_000_000,
        whole(10_000, 100_000_000),
        "BYTES",
        "how long one document may become, however it is written",
    )
    tokens_at_most: int = setting(
        2000, whole(100, 100_000), "N", "how many words and signs a GraphQL document may have"
    )
    depth_at_most: int = setting(
        25, whole(3, 100), "N", "how many fields of a GraphQL operation may stand below each other"
    )
    aliases_at_most: int = setting(100, whole(0, 10_000), "N", "how many aliases a GraphQL document may have")
    fields_at_most: int = setting(
        5000,
        whole(100, 1_000_000),
        "N",
        "how many fields a GraphQL operation may have, fragments counted at each place that spreads them",
    )
    cost_at_most: int = setting(
        50_000_000,
        whole(1000, 10**12),
        "N",
        "how many objects a GraphQL answer may come to hold, told from the operation's text: lists count as "
        "long as they are asked to be",
    )
    show_executor: bool = setting(
        False,
        yes_or_no,
        "",
        "say in the extensions of a GraphQL answer which executor made it, and why; in development alone",
    )
    demo: bool = setting(True, yes_or_no, "", "fill an empty embedded database with demo data")
    strict_references: bool = setting(
        False, yes_or_no, "", "refuse a reference to an entity that is not held here"
    )
    partial_content: bool = setting(
        False, yes_or_no, "", "answer 206 instead of 200 where a list is given in part (TMF630)"
    )
    exchange_dir: Path = setting(
        lambda: default_data_dir() / "exchange",
        directory,
        "DIR",
        "where import and export jobs read and write the files that they name",
        "$XDG_DATA_HOME/tmfgraph/exchange, else ~/.local/share/tmfgraph/exchange",
    )
    subgraph: bool = setting(
        False,
        yes_or_no,
        "",
        "behind a federation gateway: give the key of what other systems hold as a reference's target",
    )
    auth: Auth | None = setting(
        None,
        one_of("off", "on"),
        "on|off",
        "whether requests need a bearer token; off only on a loopback address",
        "off on a loopback address; any other needs on",
    )
    issuer: str | None = setting(
        None,
        issuer_url,
        "URL",
        "who makes the tokens; its keys are found by OpenID Connect Discovery",
        "tokens are made by `tmfgraph token`",
    )
    audience: str = setting("tmfgraph", text, "NAME", "what tokens must name as their audience (aud)")
    key_file: Path | None = setting(
        None,
        existing_file,
        "FILE",
        "the keys that check tokens, instead of the issuer's: a JWKS, a JWK or PEM",
        "the issuer's keys, else a local one in the data directory",
    )
    log_format: LogFormat = setting(
        "text", one_of("text", "json"), "FORMAT", "text for people, json for one JSON object per line"
    )
    log_level: LogLevel = setting(
        "info",
        one_of("debug", "info", "warning", "error"),
        "LEVEL",
        "how much is logged; debug adds a line per request",
    )

    @classmethod
    def read(
        cls, flags: Mapping[str, str | bool | None] | None = None, environ: Mapping[str, str] | None = None
    ) -> Self:
        """The settings from the given flags, else the environment, else the defaults.

        `flags` maps field names to the text given on the command line (None = not given). An empty
        variable counts as unset, as in a compose file. Raises SettingError.
        """
        flags = flags or {}
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for item in dataclasses.fields(cls):
            given = flags.get(item.name)
            if isinstance(given, bool):
                values[item.name] = given
            elif given is not None:
                values[item.name] = _checked(item, given, flag(item.name))
            elif environ.get(variable(item.name)):
                values[item.name] = _checked(item, environ[variable(item.name)], variable(item.name))
        return cls(**values)

    def to_environ(self) -> dict[str, str]:
        """These settings as environment variables: what `read` of another process turns into the same."""
        given = {variable(name): value for name, value in vars(self).items() if value is not None}
        return {name: ("no", "yes")[v] if isinstance(v, bool) else str(v) for name, v in given.items()}

    @property
    def url(self) -> str:
        """The absolute start of every href and Location, without a slash at its end."""
        if self.base_url is not None:
            return self.base_url
        host = "localhost" if _reached_locally(self.host) else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def is_production(self) -> bool:
        """Whether clients are told of the server's making no more than they must."""
        return self.profile == "production" or (self.profile is None and not is_loopback(self.host))

    @property
    def tells_executor(self) -> bool:
        """Whether answers say what made them. SettingError where production forbids it."""
        if self.show_executor and self.is_production:
            raise SettingError(
                "--show-executor tells how queries are answered, which production keeps to itself: "
                "leave it out, or set --profile development."
            )
        return self.show_executor

    @property
    def authenticates(self) -> bool:
        """Whether requests need a token. SettingError where they would not, and other machines may call."""
        if self.auth == "on":
            return True
        if is_loopback(self.host):
            return False
        raise SettingError(
            f"--host {self.host} can be reached from other machines, so requests must carry tokens: set "
            "--auth on, with --issuer URL or --key-file FILE. Without either, `tmfgraph token` makes tokens."
        )


def _checked(item: dataclasses.Field[Any], given: str, source: str) -> Any:
    try:
        return item.metadata["parse"](given)
    except ValueError as error:
        # A database URL may carry a password, which has no place in a terminal's history or a log.
        value = "what was given" if "@" in given else repr(given)
        raise SettingError(f"{source} cannot be {value}: it must be {error}.") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reached_locally(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("", "localhost")
    return address.is_loopback or address.is_unspecified


# ---- the same table as flags and as documentation ----------------------------------------------


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    return PREFIX + name.upper()


def _default(item: dataclasses.Field[Any]) -> str:
    if item.metadata["shown"]:
        return item.metadata["shown"]
    if isinstance(item.default, bool):
        return "yes" if item.default else "no"
    return f"{item.default:g}" if isinstance(item.default, float) else str(item.default)


def add_flags(parser: argparse.ArgumentParser, names: Iterable[str] | None = None) -> None:
    """Give a command the flags of these settings (all of them by default), for `Settings.read` to check."""
    group = parser.add_argument_group(
        "settings", f"Each can also be set in the environment: {flag('port')} as {variable('port')}."
    )
    fields = {item.name: item for item in dataclasses.fields(Settings)}
    for name in fields if names is None else names:
        item = fields[name]
        explained = f"{item.metadata['help']} (default: {_default(item)})"
        if isinstance(item.default, bool):
            group.add_argument(
                flag(name), action=argparse.BooleanOptionalAction, default=None, help=explained
            )
        else:
            group.add_argument(flag(name), metavar=item.metadata["metavar"], help=explained)


def as_markdown() -> str:
    """The table of all settings, for the documentation."""
    rows = ["| Flag | Environment | Default | What it does |", "|---|---|---|---|"]
    for item in dataclasses.fields(Settings):
        shown = f"`{flag(item.name)}`"
        if isinstance(item.default, bool):
            shown += f", `--no-{item.name.replace('_', '-')}`"
        rows.append(f"| {shown} | `{variable(item.name)}` | {_default(item)} | {item.metadata['help']} |")
    return "\n".join(rows) + "\n"
