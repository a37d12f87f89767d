"""The kinds that a task needs beyond its own."""

from models.declare import Kind, World
from resolvers.errors import Conflict


def needed(world: World, name: str) -> Kind:
    """A kind that a task cannot do without. Conflict where this application does not hold it."""
    kind = world.kinds.get(name)
    if kind is None:
        raise Conflict(f"This needs entities of the kind {name}, and another system holds these.")
    return kind
