"""The command line: `tmfgraph COMMAND`."""

import argparse
import sys
from collections.abc import Sequence

from tmfgraph import __version__, commands, logs, paths
from tmfgraph.settings import SettingError, Settings

ABOUT = """\
One typed GraphQL graph over TM Forum resources, with the TMF REST paths beside it, on PostgreSQL.

Without --database-url a command uses an embedded PostgreSQL: it is started when nobody runs it yet, and
shared with whoever does.
"""
EXAMPLES = """\
  tmfgraph serve                          everything in one go, on http://localhost:8000
  tmfgraph load catalog.json              put your own data in
  tmfgraph COMMAND --help                 the details of a command
"""


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tmfgraph", description=ABOUT)
    _end_with(parser, EXAMPLES)
    parser.add_argument("--version", action="version", version=f"tmfgraph {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in commands.every():
        made = subparsers.add_parser(name, help=command.HELP, description=command.ABOUT)
        _end_with(made, command.EXAMPLES)
        made.set_defaults(run=command.run, parser=made)
        command.add(made)
    return parser


def _end_with(parser: argparse.ArgumentParser, examples: str) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "examples:\n" + examples
