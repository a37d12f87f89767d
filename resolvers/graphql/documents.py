"""Documents as they were read: parsed, measured and validated once, and kept as long as there is room."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    parse,
    specified_rules,
    validate,
)
from graphql.pyutils import did_you_mean, suggestion_list

from resolvers.errors import BadRequest, TooMuch
from resolvers.graphql import errors, literals
from resolvers.graphql.limits import Limits, place_of, scan
from resolvers.graphql.validator import Examined, Operation, examine
from resolvers.storage.kept import Kept
from schema.graphql.parts import OneKey

BYTES_KEPT = 48 * 1024 * 1024
"""How much memory the documents of a process may take, with their plans; by an estimate that was measured."""
BYTES_A_TOKEN = 1000
"""What a document takes for each of its tokens."""
BYTES_A_FIELD = 6_000
"""What a plan takes for each field, fragments spread out."""
LONGEST_KEPT = 32 * 1024
"""How many characters a document may have that is kept."""

ERRORS_AT_MOST = 10
TOKENS_AT_ONCE = 500
"""Longer documents are validated by graphql-core beside the event loop, and only where that is needed."""
SUGGESTIONS_AT_MOST = 2
"""For how many errors names are proposed: each compares a name with all others."""
LONGEST_COMPARED = 300
"""How many characters their messages may have, which hold the names."""


@dataclass
class Document:
    """What a text turned out to be: operations, or what is wrong with it."""

    text: str
    ast: DocumentNode | None = None
    operations: dict[str | None, Operation] = field(default_factory=dict)
    errors: Sequence[dict[str, Any]] = ()
    """As they are told; a document with errors has no operation that can be carried out."""

    def operation(self, name: str | None) -> Operation:
        """The operation of a name, or the only one; BadRequest where that is none."""
        if not self.operations:
            raise BadRequest("The document holds no operation, only fragments.")
        if name is None:
            if len(self.operations) > 1:
                raise BadRequest(
                    f"The document has {len(self.operations)} operations: say which with operationName."
                )
            return next(iter(self.operations.values()))
        found = self.operations.get(name)
        if found is None:
            known = ", ".join(str(one) for one in self.operations if one is not None)
            raise BadRequest(
                f'There is no operation named "{name[:60]}"'
                + (f"; there are {known[:300]}." if known else ": the only one has no name.")
            )
        return found


class Documents:
    """Reads documents for one schema within limits, and keeps what it read."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        suggestions: bool = True,
        bytes_kept: int = BYTES_KEPT,
    ) -> None:
        self._schema = schema
        self.limits = limits
        self._suggestions = suggestions
        # Strawberry keeps to itself which inputs take exactly one key.
        self._rules = (*specified_rules, OneKey)
        self.kept: Kept[Document] = Kept(bytes_kept)

    async def read(self, text: str) -> Document:
        """The document that a text is, with what is wrong with it."""
        found = self.kept.get(text)
        if found is None:
            found, size = await self._read(text)
            if len(text) <= LONGEST_KEPT:
                self.kept.put(text, found, size)
        return found

    def grow(self, document: Document, operation: Operation) -> None:
        """A plan was made for an operation, and is kept with its document."""
        self.kept.grow(document.text, BYTES_A_FIELD * operation.weight.fields)

    async def _read(self, text: str) -> tuple[Document, int]:
        """The document, and how much memory it takes."""
        size = 3000 + 4 * len(text)
        try:
            tokens = scan(text, self.limits)
            literals.check(text)
            ast = parse(text)
            examined = examine(self._schema, ast, self.limits)
        except TooMuch as error:
            return Document(text, errors=[errors.of_request(error)]), size
        except GraphQLError as error:
            return Document(text, errors=errors.public([error], self.limits.errors)), size
        if not examined.is_valid:
            wrong = await self._wrong(ast, examined, tokens)
            if wrong:
                return Document(text, errors=wrong), size + 500 * len(wrong)
        size += BYTES_A_TOKEN * tokens
        operations = {one.node.name.value if one.node.name else None: one for one in examined.operations}
        return Document(text, ast, operations), size

    # ---- what graphql-core has to say -----------------------------------------------------------

    async def _wrong(self, ast: DocumentNode, examined: Examined, tokens: int) -> Sequence[dict[str, Any]]:
        if tokens <= TOKENS_AT_ONCE:
            return self._validated(ast)
        if examined.problem is not None:
            message, node = examined.problem
            return [errors.of_invalid(message, place_of(node))]
        return await asyncio.to_thread(self._validated, ast)

    def _validated(self, ast: DocumentNode) -> Sequence[dict[str, Any]]:
        found = validate(self._schema, ast, self._rules, ERRORS_AT_MOST, hide_suggestions=True)
        if (
            self._suggestions
            and 0 < len(found) <= SUGGESTIONS_AT_MOST
            and all(len(one.message) <= LONGEST_COMPARED for one in found)
        ):
            if not any(one.message.startswith(_UNKNOWN_TYPE) for one in found):
                found = validate(self._schema, ast, self._rules, ERRORS_AT_MOST)
            else:
                for one in found:
                    one.message += self._like(one)
        return errors.public(found, self.limits.errors)

    def _like(self, error: GraphQLError) -> str:
        """Names of types that are like one that is not there: only those that begin alike are compared."""
        if not error.message.startswith(_UNKNOWN_TYPE):
            return ""
        name = error.message.split("'")[1]
        start = name[:3].lower()
        near = [one for one in self._schema.type_map if one[:3].lower() == start]
        return did_you_mean([f"'{one}'" for one in suggestion_list(name, near[:100])])


_UNKNOWN_TYPE = "Unknown type '"
