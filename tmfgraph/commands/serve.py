"""`tmfgraph serve`: the server."""

import argparse

from tmfgraph import settings
from tmfgraph.settings import Settings

HELP = "serve GraphQL and the TMF REST paths"
ABOUT = "Serve GraphQL, the TMF REST paths and the pages to explore them, until Ctrl-C or SIGTERM."
EXAMPLES = """\
  tmfgraph serve                          embedded PostgreSQL, demo data, port 8000
  tmfgraph serve --port 0 --no-demo       a free port, an empty database
  tmfgraph serve --auth on                requests need a token: see `tmfgraph token`
  tmfgraph serve --host 0.0.0.0 --workers 4 --log-format json \\
      --auth on --issuer https://login.example.com/realms/tmf \\
      --base-url https://tmf.example.com \\
      --database-url postgresql://tmf@db.example.com/tmf?sslmode=verify-full
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Whether to migrate, and all settings."""
    parser.add_argument(
        "--no-migrate",
        dest="migrate",
        action="store_false",
        help="leave the tables of the given --database-url as they are",
    )
    settings.add_flags(parser)


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    from tmfgraph.serve import serve

    return serve(given, migrating=arguments.migrate)
