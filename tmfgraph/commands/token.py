"""`tmfgraph token`: a bearer token for trying."""

import argparse

from tmfgraph import settings
from tmfgraph.settings import Settings

HELP = "make a bearer token for trying"
ABOUT = (
    "Make a bearer token for a server with --auth on, signed with the local key in the data directory, "
    "or with the private key (JWK or PEM) that --key-file names."
)
EXAMPLES = """\
  tmfgraph token                          may read everything, for an hour
  tmfgraph token --scope 'tmf622:*:*' --scope tmf629:customer:read --subject crm
  curl -H "Authorization: Bearer $(tmfgraph token)" \\
      localhost:8000/tmf-api/customerManagement/v4/customer
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the token says, and the settings of the server that it is for."""
    parser.add_argument(
        "--scope",
        action="append",
        metavar="S",
        help="what it allows; give it several times (default: *:*:read)",
    )
    parser.add_argument(
        "--subject", default="developer", metavar="NAME", help="whom events name (default: developer)"
    )
    parser.add_argument(
        "--minutes", type=_minutes, default=60, metavar="N", help="how long it lives (default: 60)"
    )
    settings.add_flags(parser, ("issuer", "audience", "key_file", "data_dir", "log_format", "log_level"))


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Prints a token; a scope that gives no right is an error of use."""
    from models import WHOLE
    from resolvers.access import tokens
    from schema import scopes as known

    scopes = arguments.scope or ["*:*:read"]
    unknown = known.unknown(WHOLE, scopes)
    if unknown:
        return arguments.parser.error(
            f"--scope {unknown[0]} gives no right: a scope is like tmf622:productOrder:read or "
            "tmf622:productOrder:write, with * for any of the three parts."
        )
    print(tokens.token(given, scopes=scopes, subject=arguments.subject, minutes=arguments.minutes))
    return 0


def _minutes(given: str) -> int:
    try:
        return settings.whole(1, 24 * 60)(given)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{given!r} is not {error}") from None
