"""A generated function: it makes one object of an answer, as one dictionary display.

Only source text that the compiler writes gets in, and keys of the answer (GraphQL names) as string literals;
all else is an object that the function finds under a name.
"""

from collections.abc import Callable
from typing import Any


class Source:
    """The text of one function, and the objects that it names."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {}
        self._fresh = 0
        self._before: list[str] = []
        self._items: list[str] = []
        self._after: list[str] = []

    def name(self, value: Any) -> str:
        """A name for an object that is not of the function's own making."""
        name = f"n{len(self._names)}"
        self._names[name] = value
        return name

    def fresh(self) -> str:
        """A variable that nothing else uses."""
        self._fresh += 1
        return f"v{self._fresh}"

    def put(self, key: str, expression: str) -> None:
        """One more entry of the object."""
        self._items.append(f"{key!r}: {expression}")

    def before(self, line: str) -> None:
        self._before.append(line)

    def after(self, line: str) -> None:
        """A line that runs when the object, `out`, is made."""
        self._after.append(line)

    def function(self, parameter: str) -> Callable[..., dict[str, Any]]:
        """`build(parameter, P, run)`: P are the objects that wait, by link."""
        made = "{" + ", ".join(self._items) + "}"
        rest = [f"out = {made}", *self._after, "return out"] if self._after else [f"return {made}"]
        body = "\n    ".join([*self._before, *rest])
        exec(f"def build({parameter}, P, run):\n    {body}", self._names)
        return self._names["build"]
