"""Answers queries by plans: a document is compiled once, and each run takes one statement for each level.

What a plan is, by an example:

    query ($id: ID!) { productOrder(id: $id) { state serviceOrders { nodes { id note { text } } } } }

is compiled to

    Single(names=("ProductOrder",))                      value of `productOrder`: the object with this id
      Level(ProductOrder, columns id, state, key)        one statement: those of these ids
        build  ->  {"state": ..., "serviceOrders": None}, and the object waits, with its key, for link 0
        WayBack(number=0, key="serviceOrders")           one statement: the service orders of all waiting keys
          Connection(nodes)
            Level(ServiceOrder, columns id, document)
              build  ->  {"id": ..., "note": [{"text": ...} for each]}, the note out of the document

A run makes the objects of a level out of its records with a function generated for their type
(`source.py`). An object that leads on to other entities waits, in `Run.pending`, for what is at the end of
the link; when the whole level is made, the link reads for all that wait at once, makes the objects of the
next level, and puts them in their places. So 1 order takes as many statements as 10,000 do, and no column is
read that nobody asked for. The finished tree is encoded in one go.

Every statement goes through `Store.fetch`: there rights act, and the bound on rows. An error of a field is
a value that stands in the tree at its place; the encoder stumbles over it, and the tree is then completed as
GraphQL says (`completion.py`). Where a query has what plans do not cover, graphql-core answers.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    get_operation_ast,
    parse,
)
from graphql.execution.values import get_variable_values

from resolvers.errors import TooMuch, Unavailable
from resolvers.executor.compiler import Compiler, NotCovered
from resolvers.executor.completion import Completion, HoldsError, encoder
from resolvers.executor.plan import GiveUp, Plan
from resolvers.graph import Context

logger = logging.getLogger("tmfgraph.executor")

COMPILED = "compiled"
DOCUMENTS_KEPT = 1000
LONGEST_KEPT = 32 * 1024
"""How many characters a document may have that is kept with its plans."""

PLANS_PER_DOCUMENT = 64


@dataclass
class Document:
    """A document that plans can be made of."""

    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    deciding: tuple[str, ...]
    """Names of the variables that `@skip` and `@include` look at: for their values plans differ."""
    plans: dict[Any, "Plan | NotCovered"]


class Executor:
    """The plans of one schema, and what became of the queries."""

    def __init__(
        self, schema: GraphQLSchema, validate: Callable[[DocumentNode], Sequence[GraphQLError]]
    ) -> None:
        """`validate` gives what is wrong with a document, by all rules that hold for the schema."""
        self._schema = schema
        self._validate = validate
        self._documents: OrderedDict[tuple[str, str | None], Document | NotCovered] = OrderedDict()

    async def answer(
        self, text: str, variables: Mapping[str, Any] | None, operation_name: str | None, context: Context
    ) -> tuple[bytes | ExecutionResult | None, str]:
        """The data that answers a query, as JSON, None where graphql-core must; and COMPILED, or why not.

        With its errors, where fields have some; what is in the data is then to be encoded with msgspec.
        TooMuch or Unavailable where the whole query cannot be answered.
        """
        try:
            return await self._run(text, variables or {}, operation_name, context), COMPILED
        except NotCovered as reason:
            outcome = str(reason)
        except (TooMuch, Unavailable):
            raise
        except GiveUp:
            outcome = "the data changed meanwhile"
        except Exception:
            logger.exception("A plan failed; graphql-core answers instead.")
            outcome = "the plan failed"
        return None, outcome

    async def _run(
        self, text: str, given: Mapping[str, Any], operation_name: str | None, context: Context
    ) -> bytes | ExecutionResult:
        document = self._document(text, operation_name)
        variables = get_variable_values(
            self._schema, document.operation.variable_definitions or (), dict(given)
        )
        if isinstance(variables, list):
            raise NotCovered("invalid variables")
        plan = self._plan(document, variables)
        async with context.store.holding():
            data = await plan.run(context.store, context.base_url, context.subgraph, variables)
        try:
            return encoder.encode(data)
        except HoldsError:
            completion = Completion(
                self._schema, document.operation, document.fragments, variables, context.store.budget
            )
            return await completion.result(data)

    def plan(
        self, text: str, variables: Mapping[str, Any] | None = None, operation_name: str | None = None
    ) -> Plan:
        """The plan of a query. NotCovered where it has none."""
        document = self._document(text, operation_name)
        coerced = get_variable_values(
            self._schema, document.operation.variable_definitions or (), dict(variables or {})
        )
        return self._plan(document, coerced)

    def _plan(self, document: Document, variables: Any) -> Plan:
        values = tuple(variables.coerced.get(name) for name in document.deciding)
        plan = document.plans.get(values)
        if plan is None:
            try:
                compiler = Compiler(self._schema, document.operation, document.fragments, variables)
                plan = compiler.plan()
            except NotCovered as reason:
                plan = reason
            except GraphQLError:  # `@skip` or `@include` without a condition
                plan = NotCovered("an error in a directive")
            if len(document.plans) >= PLANS_PER_DOCUMENT:
                document.plans.clear()
            document.plans[values] = plan
        if isinstance(plan, NotCovered):
            raise plan
        return plan

    def _document(self, text: str, operation_name: str | None) -> Document:
        key = (text, operation_name)
        found = self._documents.get(key)
        if found is None:
            try:
                found = self._read(text, operation_name)
            except NotCovered as reason:
                found = reason
            if len(text) <= LONGEST_KEPT:
                self._documents[key] = found
                if len(self._documents) > DOCUMENTS_KEPT:
                    self._documents.popitem(last=False)
        else:
            self._documents.move_to_end(key)
        if isinstance(found, NotCovered):
            raise found
        return found

    def _read(self, text: str, operation_name: str | None) -> Document:
        try:
            document = parse(text)
        except GraphQLError:
            raise NotCovered("invalid") from None
        operation = get_operation_ast(document, operation_name)
        if operation is None or self._validate(document):
            raise NotCovered("invalid")
        if operation.operation is not OperationType.QUERY:
            raise NotCovered(operation.operation.value)
        fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        return Document(operation, fragments, _deciding(document), {})


def _deciding(document: DocumentNode) -> tuple[str, ...]:
    found: set[str] = set()
    waiting: list[Any] = [one for one in document.definitions if hasattr(one, "selection_set")]
    while waiting:
        node = waiting.pop()
        for directive in node.directives or ():
            if directive.name.value in ("skip", "include"):
                values = (one.value for one in directive.arguments or ())
                found.update(one.name.value for one in values if isinstance(one, VariableNode))
        if getattr(node, "selection_set", None):
            waiting += node.selection_set.selections
    return tuple(sorted(found))
