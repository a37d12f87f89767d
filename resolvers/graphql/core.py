"""What we need of graphql-core that it does not promise to keep: such names stand here and nowhere else."""

from collections.abc import Mapping

from graphql import (
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableValues,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)

Details = list[FieldDetails]
"""The places in a document that ask for one field of an object, as graphql-core collects them: the `node` of
each is what stands there."""

Asked = dict[str, Details]
"""What is asked of an object, by the key in the answer."""


class Collector:
    """Tells what an operation asks of objects: fragments, aliases, `@skip` and `@include` mean what
    graphql-core takes them for."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
    ) -> None:
        """The variables are coerced."""
        self._schema = schema
        self._operation = operation
        self._fragments = {name: FragmentDetails(node, None) for name, node in fragments.items()}
        self._variables = variables

    def root(self, type_: GraphQLObjectType) -> Asked:
        """What is asked of the query or the mutation. GraphQLError where a directive cannot be made out."""
        return collect_fields(
            self._schema, self._fragments, self._variables, type_, self._operation
        ).grouped_field_set

    def below(self, type_: GraphQLObjectType, details: Details) -> Asked:
        """What is asked of objects of this type that stand at these places. GraphQLError as above."""
        return collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, type_, details
        ).grouped_field_set
