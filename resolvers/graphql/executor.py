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
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType
from graphql.execution.values import get_variable_values

from resolvers.errors import TooMuch, Unavailable
from resolvers.graphql.compiler import Compiler, NotCovered
from resolvers.graphql.completion import Completion
from resolvers.graphql.encoding import AT_ONCE, HoldsError, Writer, encoder, is_deep
from resolvers.graphql.fields import Context
from resolvers.graphql.plan import GiveUp, Plan
from resolvers.graphql.validator import Operation

logger = logging.getLogger("tmfgraph.executor")

COMPILED = "compiled"
PLANS_PER_OPERATION = 64
VARIABLE_ERRORS_AT_MOST = 5


class InvalidVariables(Exception):
    """The variables of a request are not what its operation says they are."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__()
        self.errors = errors


class Executor:
    """Answers the operations of one schema by plans, as far as these go."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    def coerced(self, operation: Operation, variables: Mapping[str, Any], suggestions: bool = True) -> Any:
        """The variables of a request as its operation takes them. InvalidVariables."""
        definitions = operation.node.variable_definitions or ()
        found = get_variable_values(
            self._schema, definitions, dict(variables), VARIABLE_ERRORS_AT_MOST, not suggestions
        )
        if isinstance(found, list):
            raise InvalidVariables(found)
        return found

    async def answer(
        self, operation: Operation, variables: Any, context: Context
    ) -> tuple[bytes | ExecutionResult | None, str]:
        """The data of the answer, as JSON, None where graphql-core must give it; and COMPILED, or why not.

        With its errors, where fields have some; what is in the data is then to be encoded with msgspec.
        The variables are coerced. TooMuch or Unavailable where the whole operation cannot be answered.
        """
        try:
            return await self._run(operation, variables, context), COMPILED
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

    async def _run(self, operation: Operation, variables: Any, context: Context) -> bytes | ExecutionResult:
        plan = self._plan(operation, variables)
        async with context.store.holding():
            data, size = await plan.run(context.store, context.base_url, context.subgraph, variables)
        budget = context.store.budget
        try:
            if size <= AT_ONCE:
                made = encoder.encode(data)
                budget.write(len(made))
                return made
            return await Writer(budget, deep=is_deep(size, budget)).written(data)
        except HoldsError:
            completion = Completion(
                self._schema, operation.node, operation.fragments, variables, size, budget
            )
            return await completion.result(data)

    def plan(self, operation: Operation, variables: Mapping[str, Any] | None = None) -> Plan:
        """The plan of an operation. NotCovered where it has none."""
        return self._plan(operation, self.coerced(operation, variables or {}))

    def _plan(self, operation: Operation, variables: Any) -> Plan:
        values = tuple(variables.coerced.get(name) for name in operation.deciding)
        plan = operation.plans.get(values)
        if plan is None:
            plan = self._made(operation, variables)
            if len(operation.plans) >= PLANS_PER_OPERATION:
                operation.plans.clear()
            operation.plans[values] = plan
        if isinstance(plan, str):  # an exception that is kept would keep all that it was raised through
            raise NotCovered(plan)
        return plan

    def _made(self, operation: Operation, variables: Any) -> Plan | str:
        """A plan, or why there is none."""
        if operation.node.operation is not OperationType.QUERY:
            return operation.node.operation.value
        try:
            return Compiler(self._schema, operation.node, operation.fragments, variables).plan()
        except NotCovered as reason:
            return str(reason)
        except GraphQLError:  # null for a variable that has a default, in a directive
            return "an error in a directive"
