"""Values written into a document pass the same door as those in its variables and in bodies of REST."""

import re

from graphql import GraphQLError, GraphQLSyntaxError, Lexer, Source, TokenKind

from models import json_in

# What only such literals have as the door refuses: a long number, a large exponent, an escape.
_PERHAPS = re.compile(r"\d{19}|\d[eE]\+?\d{3}|\\u")


def check(text: str) -> None:
    """GraphQLError where a literal of the document is none that we can keep: a number too large, U+0000."""
    if not _PERHAPS.search(text):
        return
    lexer = Lexer(Source(text))
    while True:
        try:
            token = lexer.advance()
        except (GraphQLSyntaxError, ValueError):
            return  # the parser says so
        try:
            match token.kind:
                case TokenKind.EOF:
                    return
                case TokenKind.INT | TokenKind.FLOAT:
                    json_in.number(token.value or "")
                case TokenKind.STRING | TokenKind.BLOCK_STRING:
                    json_in.accept(token.value)
        except json_in.BadJson as error:
            raise GraphQLError(str(error), source=lexer.source, positions=[token.start]) from None
