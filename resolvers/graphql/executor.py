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
GraphQL says (`completion.py`). The fields of a mutation are carried out and completed one after the other.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import ExecutionResult, GraphQLError, OperationType, VariableValues, get_variable_values

from resolvers.errors import TooMuch, Unavailable
from resolvers.graphql.compiler import Compiler
from resolvers.graphql.completion import Completion, Failed
from resolvers.graphql.encoding import AT_ONCE, HoldsError, Writer, encoder, is_deep
from resolvers.graphql.fields import Context, Graph
from resolvers.graphql.plan import OF_THE_WHOLE, Plan, Run, valued
from resolvers.graphql.validator import Operation

PLANS_PER_OPERATION = 64
VARIABLE_ERRORS_AT_MOST = 5


class InvalidVariables(Exception):
    """The variables of a request are not what its operation says they are."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__()
        self.errors = errors


class Untold(Exception):
    """The answer to a mutation came to nothing, after so many of its fields were carried out."""

    def __init__(self, cause: TooMuch | Unavailable, written: int, asked: int) -> None:
        super().__init__()
        self.cause = cause
        self.done = ""
        """What is to be said of what was done; nothing where nothing was."""
        if written:
            what = "What was asked is" if written == asked else f"{written} of the {asked} fields are"
            self.done = f"{what} done, but not told. "


class Executor:
    """Answers the operations on one graph by plans."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._schema = graph.core

    def coerced(
        self, operation: Operation, variables: Mapping[str, Any], suggestions: bool = True
    ) -> VariableValues:
        """The variables of a request as its operation takes them. InvalidVariables."""
        definitions = operation.node.variable_definitions or ()
        found = get_variable_values(
            self._schema, definitions, dict(variables), VARIABLE_ERRORS_AT_MOST, not suggestions
        )
        if isinstance(found, list):
            raise InvalidVariables(found)
        return found

    async def answer(
        self, operation: Operation, variables: VariableValues, context: Context
    ) -> bytes | ExecutionResult:
        """The data of the answer, as JSON.

        With its errors, where fields have some; what is in the data is then to be encoded with msgspec.
        The variables are coerced. TooMuch or Unavailable where the whole operation cannot be answered, Untold
        where something was written by then.
        """
        try:
            plan = self.plan(operation, variables)
        except GraphQLError as error:  # of a directive at a field of the root
            return ExecutionResult(None, [error])
        run = plan.run(context.store, context.base_url, context.subgraph, variables)
        if operation.node.operation is OperationType.MUTATION:
            return await self._one_by_one(plan, run, operation)
        async with context.store.holding():
            data = await plan.data(run)
        size, budget = plan.size(run), context.store.budget
        try:
            if size <= AT_ONCE:
                made = encoder.encode(data)
                budget.write(len(made))
                return made
            return await Writer(budget, deep=is_deep(size, budget)).written(data)
        except HoldsError:
            completion = self._completion(operation, run, size)
            return await completion.result(data)

    async def _one_by_one(self, plan: Plan, run: Run, operation: Operation) -> bytes | ExecutionResult:
        """Carries out a mutation: where a field comes to an error that leaves no data, none follows it."""
        completion, data = self._completion(operation, run, 0), dict[str, Any]()
        hung = 0
        try:
            for key, root in plan.roots.items():
                value = await valued(root, run)
                run.store.budget.hang(run.objects - hung)
                hung = run.objects
                completion.estimate = plan.size(run)
                data[key] = await completion.root(key, value)
        except Failed as failed:
            return completion.failed(failed)
        except OF_THE_WHOLE as error:
            raise Untold(error, run.written, len(plan.roots)) from None
        return ExecutionResult(data, completion.errors) if completion.errors else encoder.encode(data)

    def _completion(self, operation: Operation, run: Run, size: int) -> Completion:
        budget = run.store.budget
        return Completion(self._schema, operation.node, operation.fragments, run.variables, size, budget)

    def plan(self, operation: Operation, variables: VariableValues) -> Plan:
        """The plan of an operation, for coerced variables. GraphQLError where a directive has none."""
        values = tuple(variables.coerced.get(name) for name in operation.deciding)
        plan = operation.plans.get(values)
        if plan is None:
            plan = Compiler(self._graph, operation.node, operation.fragments, variables).plan()
            if len(operation.plans) >= PLANS_PER_OPERATION:
                operation.plans.clear()
            operation.plans[values] = plan
        return plan
