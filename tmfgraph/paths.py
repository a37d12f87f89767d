"""Where the product's own files lie: in a checkout, or inside the installed wheel."""

import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def app_root() -> Path:
    """The directory that holds app.py, models, schema, resolvers and migrations."""
    installed = PACKAGE / "_app"
    return installed if installed.is_dir() else PACKAGE.parent


def enter() -> Path:
    """Make `app`, `models`, `schema` and `resolvers` importable as ours, and return where they lie.

    They go first: another installed distribution may well be called `schema`.
    """
    root = app_root()
    if sys.path[:1] != [str(root)]:
        sys.path.insert(0, str(root))
    return root
