"""Where callers pass before they read or write: the one place that asks for their rights over kinds."""

from collections.abc import Iterable

from models.declare import Kind
from resolvers.rights import Access
from resolvers.storage.view import View, view_of


class Gate:
    """Turns kinds into what one caller may see and change of them."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._views: dict[Kind, View] = {}
        """Those that were given: a request comes to the same few kinds again and again."""

    def view(self, kind: Kind) -> View:
        """What the caller may see of a kind. Forbidden, with the scope that is missing."""
        found = self._views.get(kind)
        if found is None:
            self._access.check(kind, "read")
            found = self._views[kind] = view_of(kind)
        return found

    def writable(self, kind: Kind) -> View:
        """What the caller may change of a kind, or remove. Forbidden, with the scope that is missing."""
        self._access.check(kind, "write")
        return view_of(kind)

    def check(self, kind: Kind, right: str) -> None:
        """Forbidden, with the scope that is missing, where the caller does not have the right."""
        self._access.check(kind, right)

    def sees(self, kind: Kind) -> bool:
        """Whether the caller may see anything of a kind."""
        return self._access.may(kind, "read")

    def passes(self, views: Iterable[View]) -> None:
        """Forbidden where the caller may not see all of this, ValueError where a View is not the caller's.

        Statements are kept for all callers, so that one may come from what another was given.
        """
        for view in views:
            if view is not self.view(view.kind):
                raise ValueError(f"a statement for other readers of {view.kind.plural}")
