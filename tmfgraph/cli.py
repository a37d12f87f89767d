"""The command line: `tmfgraph COMMAND`."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tmfgraph import __version__, logs, paths, settings
from tmfgraph.settings import SettingError, Settings

log = logging.getLogger(__name__)

# The settings that matter to a command which works on the database and ends.
_DATABASE = ("database_url", "data_dir", "log_format", "log_level")

_ABOUT = """\
One typed GraphQL graph over TM Forum resources, with the TMF REST paths beside it, on PostgreSQL.

Without --database-url a command uses an embedded PostgreSQL: it is started when nobody runs it yet, and
shared with whoever does.
"""

_EXAMPLES = {
    "": """\
  tmfgraph serve                          everything in one go, on http://localhost:8000
  tmfgraph load catalog.json              put your own data in
  tmfgraph COMMAND --help                 the details of a command
""",
    "serve": """\
  tmfgraph serve                          embedded PostgreSQL, demo data, port 8000
  tmfgraph serve --port 0 --no-demo       a free port, an empty database
  tmfgraph serve --auth on                requests need a token: see `tmfgraph token`
  tmfgraph serve --host 0.0.0.0 --workers 4 --log-format json \\
      --auth on --issuer https://login.example.com/realms/tmf \\
      --base-url https://tmf.example.com \\
      --database-url postgresql://tmf@db.example.com/tmf?sslmode=verify-full
""",
    "migrate": """\
  tmfgraph migrate --database-url postgresql://owner@db.example.com/tmf
  tmfgraph migrate --check                exit code 1 if there is something to migrate
""",
    "reindex": """\
  tmfgraph reindex                        after an upgrade, where data was there before
""",
    "load": """\
  tmfgraph load catalog.json orders.json
  tmfgraph load --kind ProductOrder orders.json
  tmfgraph load --dry-run --lenient old-system/*.json
""",
    "demo": """\
  tmfgraph demo                           a small operator
  tmfgraph demo --scale 100 --seed 7      a hundred times as much, the same on every run
""",
    "token": """\
  tmfgraph token                          may read everything, for an hour
  tmfgraph token --scope 'tmf622:*:*' --scope tmf629:customer:read --subject crm
  curl -H "Authorization: Bearer $(tmfgraph token)" \\
      localhost:8000/tmf-api/customerManagement/v4/customer
""",
    "migration": """\
  tmfgraph migration "add the loyalty tier"
  tmfgraph migration --empty "index lists by state"
""",
    "refresh": """\
  tmfgraph refresh
  tmfgraph refresh --specs official/
""",
    "schema": """\
  tmfgraph schema --output schema.graphql
""",
    "openapi": """\
  tmfgraph openapi                        which APIs there are
  tmfgraph openapi TMF622 > TMF622.json
  tmfgraph openapi --output-dir schema/openapi
""",
    "kinds": """\
  tmfgraph kinds
  tmfgraph kinds --output docs/kinds.md
""",
    "conformance": """\
  tmfgraph conformance --specs official/ --output docs/conformance.md
""",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code: 0 done, 1 or 3 failed, 2 called wrongly."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        given = Settings.read(vars(arguments))
    except SettingError as error:
        return arguments.parser.error(str(error))
    logs.configure(given)
    paths.enter()
    # Imported here: --help and a wrong flag need no database driver.
    from resolvers.errors import Misconfigured
    from tmfgraph.checkout import NotACheckout
    from tmfgraph.database import DatabaseUnusable
    from tmfgraph.serve import CannotListen

    try:
        return arguments.run(given, arguments)
    except (SettingError, Misconfigured) as error:
        return arguments.parser.error(str(error))
    except (CannotListen, DatabaseUnusable, NotACheckout) as error:
        print(f"tmfgraph: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _serve(given: Settings, arguments: argparse.Namespace) -> int:
    from tmfgraph.serve import serve

    return serve(given, migrating=arguments.migrate)


def _migrate(given: Settings, arguments: argparse.Namespace) -> int:
    from tmfgraph import database, migrate

    with database.opened(given) as dsn:
        if not arguments.check:
            migrate.upgrade(dsn)
        done = migrate.at_head(dsn)
    print("The tables are up to date." if done else "The tables are not up to date: run `tmfgraph migrate`.")
    return 0 if done else 1


def _reindex(given: Settings, arguments: argparse.Namespace) -> int:
    from resolvers.storage import reindex

    def say(words: str) -> None:
        if not arguments.quiet:
            print(words, file=sys.stderr)

    with _ready(given) as dsn:
        total = asyncio.run(reindex.run(dsn, say))
    say(f"{total:,} entities are indexed anew.")
    return 0


def _load(given: Settings, arguments: argparse.Namespace) -> int:
    from tmfgraph import load

    with _ready(given) as dsn:
        return asyncio.run(
            load.run(
                dsn,
                given,
                files=arguments.files,
                kind=arguments.kind,
                dry_run=arguments.dry_run,
                lenient=arguments.lenient,
                quiet=arguments.quiet,
            )
        )


def _demo(given: Settings, arguments: argparse.Namespace) -> int:
    from tmfgraph import demo

    with _ready(given) as dsn:
        return demo.run(dsn, given, scale=arguments.scale, seed=arguments.seed)


def _token(given: Settings, arguments: argparse.Namespace) -> int:
    from resolvers.access import tokens
    from schema import scopes as known

    scopes = arguments.scope or ["*:*:read"]
    unknown = known.unknown(scopes)
    if unknown:
        return arguments.parser.error(
            f"--scope {unknown[0]} gives no right: a scope is like tmf622:productOrder:read or "
            "tmf622:productOrder:write, with * for any of the three parts."
        )
    print(tokens.token(given, scopes=scopes, subject=arguments.subject, minutes=arguments.minutes))
    return 0


def _schema(given: Settings, arguments: argparse.Namespace) -> int:
    from schema.graphql.sdl import sdl

    return _put(sdl().rstrip("\n") + "\n", arguments.output)


def _openapi(given: Settings, arguments: argparse.Namespace) -> int:
    from schema.rest import openapi

    number, directory = arguments.api, arguments.output_dir
    if number is not None and number not in openapi.apis():
        print(f"tmfgraph: There is no API {number}: `tmfgraph openapi` lists them.", file=sys.stderr)
        return 1
    numbers = openapi.apis() if number is None else [number]
    if directory is not None:
        return max(_put(openapi.snapshot(one), directory / f"{one}.json") for one in numbers)
    if number is not None:
        return _put(openapi.snapshot(number), None)
    return _put("".join(f"{one} {title}\n" for one, title in openapi.apis().items()), None)


def _kinds(given: Settings, arguments: argparse.Namespace) -> int:
    from tmfgraph import kinds

    return _put(kinds.as_markdown(), arguments.output)


def _conformance(given: Settings, arguments: argparse.Namespace) -> int:
    from tmfgraph import conformance

    try:
        report = conformance.compare(conformance.read(arguments.specs))
    except conformance.SpecsMissing as error:
        print(f"tmfgraph: {error}", file=sys.stderr)
        return 1
    code = _put(conformance.as_markdown(report), arguments.output)
    for deviation in report.unexplained:
        print(f"tmfgraph: Not explained: {deviation}", file=sys.stderr)
    return 1 if report.unexplained else code


def _migration(given: Settings, arguments: argparse.Namespace) -> int:
    from tmfgraph import checkout

    written = checkout.migration(arguments.message, empty=arguments.empty)
    if written is None:
        print(
            "The declared tables are those that the migrations make: there is nothing to write. "
            "With --empty a migration is made to be written by hand.",
            file=sys.stderr,
        )
        return 1
    print(f"{written.relative_to(checkout.root())}: read it before you commit it.")
    return 0


def _refresh(given: Settings, arguments: argparse.Namespace) -> int:
    from tmfgraph import checkout

    changed = checkout.refresh()
    for path in changed:
        print(f"{path}: changed")
    if not changed:
        print("Everything is fresh.")
    if arguments.specs is None:
        print("docs/conformance.md is left as it is: it needs TM Forum's official files (--specs DIR).")
        return 0
    arguments.output = checkout.conformance_page()
    return _conformance(given, arguments)


def _put(text: str, output: Path | None) -> int:
    """Writes a text to the file that --output names, else to standard output."""
    if output is None:
        print(text, end="")
        return 0
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"tmfgraph: {output} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _ready(given: Settings) -> Iterator[str]:
    """The URL of a database with today's tables. One that somebody else runs is not migrated on the side."""
    from tmfgraph import database, migrate

    with database.opened(given) as dsn:
        if given.database_url is None:
            migrate.upgrade(dsn)
        elif not migrate.at_head(dsn):
            raise database.DatabaseUnusable(
                f"The tables in {database.masked(dsn)} are not of this version. Run `tmfgraph migrate` first."
            )
        yield dsn


def _parser() -> argparse.ArgumentParser:
    parser = _described(argparse.ArgumentParser(prog="tmfgraph", description=_ABOUT), "")
    parser.add_argument("--version", action="version", version=f"tmfgraph {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: object, help: str, about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=about)
        made.set_defaults(run=run, parser=made)
        return _described(made, name)

    serve = command(
        "serve",
        _serve,
        "serve GraphQL and the TMF REST paths",
        "Serve GraphQL, the TMF REST paths and the pages to explore them, until Ctrl-C or SIGTERM.",
    )
    serve.add_argument(
        "--no-migrate",
        dest="migrate",
        action="store_false",
        help="leave the tables of the given --database-url as they are",
    )
    settings.add_flags(serve)

    migrate = command(
        "migrate",
        _migrate,
        "bring the tables up to this version",
        "Bring the tables of the database up to this version. Of two at once, one waits for the other.",
    )
    migrate.add_argument(
        "--check", action="store_true", help="change nothing; exit with 1 if there is something to do"
    )
    settings.add_flags(migrate, _DATABASE)

    reindex = command(
        "reindex",
        _reindex,
        "index what is stored anew, after an upgrade",
        "Derive the columns and references of all entities anew from their documents: after an upgrade that "
        "knows more attributes or links, older entities are found by them too. It runs beside a server.",
    )
    reindex.add_argument("--quiet", action="store_true", help="say nothing")
    settings.add_flags(reindex, _DATABASE)

    load = command(
        "load",
        _load,
        "load TMF resources from JSON files",
        "Load TMF resources from JSON files.",
    )
    load.add_argument(
        "files", nargs="+", metavar="FILE", help="JSON, or one JSON document per line; - is standard input"
    )
    load.add_argument(
        "--kind", metavar="K", help="what the resources are, where their @type does not say it: ProductOrder"
    )
    load.add_argument("--dry-run", action="store_true", help="check the files and store nothing")
    load.add_argument("--lenient", action="store_true", help="accept resources without mandatory attributes")
    load.add_argument("--quiet", action="store_true", help="report problems only")
    settings.add_flags(load, ("strict_references", *_DATABASE))

    demo = command(
        "demo",
        _demo,
        "add demo data",
        "Add demo data: customers with their products, services, resources and orders, all linked.",
    )
    demo.add_argument(
        "--scale", type=_positive, default=1, metavar="N", help="how many times the small set (default: 1)"
    )
    demo.add_argument(
        "--seed", type=int, default=1, metavar="S", help="the same number, the same data (default: 1)"
    )
    settings.add_flags(demo, _DATABASE)

    token = command(
        "token",
        _token,
        "make a bearer token for trying",
        "Make a bearer token for a server with --auth on, signed with the local key in the data directory, "
        "or with the private key (JWK or PEM) that --key-file names.",
    )
    token.add_argument(
        "--scope",
        action="append",
        metavar="S",
        help="what it allows; give it several times (default: *:*:read)",
    )
    token.add_argument(
        "--subject", default="developer", metavar="NAME", help="whom events name (default: developer)"
    )
    token.add_argument(
        "--minutes", type=_minutes, default=60, metavar="N", help="how long it lives (default: 60)"
    )
    settings.add_flags(token, ("issuer", "audience", "key_file", "data_dir", "log_format", "log_level"))

    migration = command(
        "migration",
        _migration,
        "write a migration (in a checkout)",
        "In a checkout: write the migration that leads from the tables of all earlier ones to those that the "
        "code declares, and try it, on an embedded PostgreSQL of its own.",
    )
    migration.add_argument("message", metavar="TEXT", help="what changes; names the file")
    migration.add_argument("--empty", action="store_true", help="make one to be written by hand")

    refresh = command(
        "refresh",
        _refresh,
        "write snapshots and generated pages anew (in a checkout)",
        "In a checkout: write anew what git keeps of what the code says: the GraphQL schema, the OpenAPI "
        "documents, the pages of kinds and settings and, with the official files, that of conformance.",
    )
    refresh.add_argument(
        "--specs", type=Path, metavar="DIR", help="where the official v4 files of the APIs are"
    )

    schema = command(
        "schema",
        _schema,
        "print the GraphQL schema",
        "Print the GraphQL schema as SDL, for code generators and for a federation gateway.",
    )
    schema.add_argument("--output", type=Path, metavar="FILE", help="write it to this file")

    openapi = command(
        "openapi",
        _openapi,
        "print the OpenAPI documents of the TMF paths",
        "Print the OpenAPI 3.1 document of an API, made from the declarations; without an API, list them.",
    )
    openapi.add_argument("api", nargs="?", metavar="API", help="the number of an API: TMF622")
    openapi.add_argument(
        "--output-dir", type=Path, metavar="DIR", help="write one file for each API into this directory"
    )

    kinds = command(
        "kinds",
        _kinds,
        "print a table of all kinds of entities",
        "Print all kinds of entities as Markdown: paths, operations, links both ways, states and events.",
    )
    kinds.add_argument("--output", type=Path, metavar="FILE", help="write it to this file")

    conformance = command(
        "conformance",
        _conformance,
        "compare with TM Forum's official files",
        "Compare the declarations with TM Forum's official swagger files, and print what differs and why as "
        "Markdown. Exits with 1 if something differs without an explanation.",
    )
    conformance.add_argument(
        "--specs", type=Path, required=True, metavar="DIR", help="where the official v4 files of the APIs are"
    )
    conformance.add_argument("--output", type=Path, metavar="FILE", help="write it to this file")
    return parser


def _described(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "examples:\n" + _EXAMPLES[name]
    return parser


def _minutes(given: str) -> int:
    try:
        return settings.whole(1, 24 * 60)(given)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{given!r} is not {error}") from None


def _positive(given: str) -> int:
    if given.isascii() and given.isdigit() and int(given) > 0:
        return int(given)
    raise argparse.ArgumentTypeError(f"{given!r} is not a whole number from 1 up")
