"""The vocabulary for declaring TMF types.

A TMF type is declared once, as a class. Everything else (its table, GraphQL type, inputs, REST
routes, events) is read off that class through `attributes`, the one place in the project that looks
inside annotations:

- an attribute is one line and its docstring; no default means mandatory on create;
- `tuple[X, ...]` is a list, a `@value` class is a nested object, an `@enumeration` a closed list;
- a `@reference` class is a link to the kinds it names.

Declaring a class registers it nowhere: a `World` is made of the classes that an application holds.
"""

from models.declare.kinds import DOMAINS, OPERATIONS, Abstract, Api, Flow, Home, Kind, Node
from models.declare.links import ANY, External, Group, Link, Points, points_to
from models.declare.marks import (
    Changed,
    Created,
    Fixed,
    Json,
    MandatoryIn,
    Mark,
    Reached,
    ServerSet,
    WriteOnly,
    mandatory_in,
    reached,
)
from models.declare.reading import (
    Attribute,
    attributes,
    camel,
    case_of,
    description,
    family_attributes,
    general_of,
    json_key,
    link_of,
    other,
    plural,
    special_of,
)
from models.declare.vocabulary import abstract, enumeration, polymorphic, reference, resource, value
from models.declare.world import Targets, World, resources

__all__ = [
    "ANY", "DOMAINS", "OPERATIONS", "Abstract", "Api", "Attribute", "Changed", "Created", "External", "Fixed",
    "Flow", "Group", "Home", "Json", "Kind", "Link", "MandatoryIn", "Mark", "Node", "Points", "Reached",
    "ServerSet", "Targets", "World", "WriteOnly", "abstract", "attributes", "camel", "case_of", "description",
    "enumeration", "family_attributes", "general_of", "json_key", "link_of", "mandatory_in", "other",
    "plural", "points_to", "polymorphic", "reached", "reference", "resource", "resources", "special_of",
    "value",
]  # fmt: skip
