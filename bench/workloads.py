"""What is asked of every system, in the words of each, and what their answers have in common."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

ORDERS = "/tmf-api/productOrderingManagement/v4/productOrder"

TMFGRAPH = "tmfgraph"
POSTGRAPHILE = "PostGraphile"
ORDINARY = "ordinary Strawberry"
FLOOR = "row floor"
STATIC = "static"
NAIVE = "starlette + json"
BARE = "bare statements"

# ---- the selections -----------------------------------------------------------------------------

ORDER = """state category description orderDate priority completionDate expectedCompletionDate
    requestedStartDate requestedCompletionDate"""
SERVICE_ORDER = """state category description orderDate priority completionDate expectedCompletionDate
    requestedStartDate startDate"""
SERVICE = "state category description name serviceDate serviceType startDate endDate startMode"
RESOURCE = "name category description operationalState administrativeState resourceStatus usageState"
WHOLE_RESOURCE = f"{RESOURCE} resourceVersion startOperatingDate"


def _ours(selection: str) -> str:
    return f"""id {ORDER}
  serviceOrders {{ nodes {{ id {SERVICE_ORDER}
    services {{ nodes {{ id {SERVICE}
      supportingResource {{ target {{ id {selection} }} }} }} }} }} }}"""


def _plain(selection: str, order: str = "", position: str = "", id: str = "id") -> str:
    """Without connections; PostGraphile needs to be told the order, and calls the id rowId."""
    return f"""{id} {ORDER}
  serviceOrders{order} {{ {id} {SERVICE_ORDER}
    services{order} {{ {id} {SERVICE}
      supportingResource{position} {{ {id} {selection} }} }} }}"""


_POSTGRAPHILE = _plain(WHOLE_RESOURCE, "(orderBy: [ROW_ID_ASC])", "(orderBy: [POSITION_ASC])", id="id: rowId")

QUERIES: dict[str, dict[str, str]] = {
    "Q1": {
        TMFGRAPH: f"query($id: ID!) {{ productOrder(id: $id) {{ {_ours(WHOLE_RESOURCE)} }} }}",
        POSTGRAPHILE: "query($id: String!) { productOrder: productOrderByRowId(rowId: $id)"
        f" {{ {_POSTGRAPHILE} }} }}",
        ORDINARY: f"query($id: ID!) {{ productOrder(id: $id) {{ {_plain(WHOLE_RESOURCE)} }} }}",
    },
    "Q2": {
        TMFGRAPH: "{ productOrders(where: {state: {eq: completed}}, first: 100)"
        f" {{ nodes {{ {_ours(WHOLE_RESOURCE)} }} }} }}",
        POSTGRAPHILE: '{ productOrders: allProductOrdersList(condition: {state: "completed"}, first: 100,'
        f" orderBy: [ROW_ID_ASC]) {{ {_POSTGRAPHILE} }} }}",
        ORDINARY: f'{{ productOrders(state: "completed", first: 100) {{ {_plain(WHOLE_RESOURCE)} }} }}',
    },
    "Q3": {
        TMFGRAPH: f"{{ resources(first: 1000) {{ nodes {{ id {RESOURCE} }} }} }}",
        POSTGRAPHILE: "{ resources: allResourcesList(first: 1000, orderBy: [ROW_ID_ASC])"
        f" {{ id: rowId {RESOURCE} }} }}",
        ORDINARY: f"{{ resources(first: 1000) {{ id {RESOURCE} }} }}",
    },
}


# ---- requests -----------------------------------------------------------------------------------


def request(method: str, path: str, body: str | None = None, content_type: str = "application/json") -> str:
    """A whole HTTP/1.1 request. It accepts no compressed answer."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
    if body is not None:
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body.encode())}\r\n"
    return f"{head}\r\n{body or ''}"


@dataclass
class Data:
    """What of the demo data the requests name."""

    orders: list[str]
    """Ids of orders with a lot below them."""
    documents: list[dict[str, Any]]
    """As one would POST them: without what the server sets."""


@dataclass
class Workload:
    name: str
    title: str
    systems: tuple[str, ...]
    requests: Callable[[str, Data, dict[str, int]], list[str]]
    """What a system is asked, given the sizes of the real answers by system."""
    base: str
    """The system that ratios are to."""
    floor: str = FLOOR
    status: int = 200
    compared: bool = True
    """Whether the answers of all systems that make some must be the same."""
    targets: tuple["Target", ...] = ()


@dataclass(frozen=True)
class Target:
    """What a number of ours is held against."""

    what: str
    """rate, p50, cpu (of server and database together) or statements."""
    against: str
    """The system that it is divided by; empty for an absolute number."""
    limit: float
    at_most: bool = False

    def met(self, value: float) -> bool:
        return value <= self.limit if self.at_most else value >= self.limit

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        return f"{self.what} {sign} {self.limit:g}" + (f" x {self.against}" if self.against else "")


def _graphql(name: str) -> Callable[[str, Data, dict[str, int]], list[str]]:
    def made(system: str, data: Data, sizes: dict[str, int]) -> list[str]:
        bodies: list[dict[str, Any]] = [{}]
        if name == "Q1":
            bodies = [{"variables": {"id": id}} for id in data.orders]
        path = {FLOOR: f"/{name.lower()}/{{}}", STATIC: "/static/{}"}.get(system, "/graphql")
        query = QUERIES[name].get(system, QUERIES[name][TMFGRAPH])
        path = path.format(sizes.get(TMFGRAPH, 0))
        return [request("POST", path, json.dumps({"query": query, **body})) for body in bodies]

    return made


def _r1(system: str, data: Data, sizes: dict[str, int]) -> list[str]:
    size = sizes.get(TMFGRAPH, 0)
    paths = {FLOOR: f"/r1/{size}", STATIC: f"/static/{size}"}
    if system == STATIC:
        return [request("GET", paths[system])]
    return [request("GET", f"{paths.get(system, ORDERS)}/{id}") for id in data.orders]


def _r2(system: str, data: Data, sizes: dict[str, int]) -> list[str]:
    size = sizes.get(TMFGRAPH, 0)
    paths = {FLOOR: f"/r2/{size}", STATIC: f"/static/{size}"}
    return [request("GET", paths.get(system, f"{ORDERS}?state=completed&limit=100"))]


def _w1(system: str, data: Data, sizes: dict[str, int]) -> list[str]:
    path = f"/w1/{sizes.get(TMFGRAPH, 0)}" if system == BARE else ORDERS
    made = []
    for n in range(500):
        document = data.documents[n % len(data.documents)]
        fresh = {**document, "description": f"Order {n} of the bench", "externalId": f"BENCH-{n}"}
        made.append(request("POST", path, json.dumps(fresh)))
    return made


def _w2(system: str, data: Data, sizes: dict[str, int]) -> list[str]:
    path = f"/w2/{sizes.get(TMFGRAPH, 0)}" if system == BARE else ORDERS
    # So many that one turn of the cycle never repeats the one before: each changes something.
    numbered = [(n, data.orders[n % len(data.orders)]) for n in range(20 * len(data.orders) - 1)]
    patch = "application/merge-patch+json"
    return [
        request("PATCH", f"{path}/{id}", json.dumps({"description": f"Change {n} by {system}"}), patch)
        for n, id in numbered
    ]


_GRAPHQL = (TMFGRAPH, POSTGRAPHILE, ORDINARY, FLOOR, STATIC)
_REST = (TMFGRAPH, NAIVE, FLOOR, STATIC)
_WRITES = (TMFGRAPH, BARE)
_TWENTYFOLD = Target("rate", ORDINARY, 20)

WORKLOADS: dict[str, Workload] = {
    "Q1": Workload(
        "Q1",
        "GraphQL: one order, three levels down",
        _GRAPHQL,
        _graphql("Q1"),
        POSTGRAPHILE,
        targets=(
            Target("rate", POSTGRAPHILE, 3),
            Target("p50", POSTGRAPHILE, 0.4, at_most=True),
            _TWENTYFOLD,
            Target("statements", "", 4, at_most=True),
        ),
    ),
    "Q2": Workload(
        "Q2",
        "GraphQL: 100 orders by a filter, three levels down",
        _GRAPHQL,
        _graphql("Q2"),
        POSTGRAPHILE,
        targets=(
            Target("rate", POSTGRAPHILE, 2.5),
            Target("rate", FLOOR, 0.75),
            Target("cpu", POSTGRAPHILE, 0.45, at_most=True),
            _TWENTYFOLD,
            Target("statements", "", 4, at_most=True),
        ),
    ),
    "Q3": Workload(
        "Q3",
        "GraphQL: 1,000 resources, eight fields",
        _GRAPHQL,
        _graphql("Q3"),
        POSTGRAPHILE,
        targets=(Target("rate", POSTGRAPHILE, 2.5), Target("rate", FLOOR, 0.65), _TWENTYFOLD),
    ),
    "R1": Workload(
        "R1",
        "REST: an order by id",
        _REST,
        _r1,
        NAIVE,
        targets=(Target("rate", NAIVE, 1.4),),
    ),
    "R2": Workload(
        "R2",
        "REST: 100 whole orders by a filter, with the exact total",
        _REST,
        _r2,
        NAIVE,
        targets=(Target("rate", NAIVE, 6),),
    ),
    "W1": Workload(
        "W1",
        "REST: POST of an order",
        _WRITES,
        _w1,
        BARE,
        floor=BARE,
        status=201,
        compared=False,
        targets=(Target("time", BARE, 1.5, at_most=True),),
    ),
    "W2": Workload(
        "W2",
        "REST: PATCH of an order's description",
        _WRITES,
        _w2,
        BARE,
        floor=BARE,
        compared=False,
    ),
}


# ---- answers ------------------------------------------------------------------------------------

MAKE_NO_ANSWER = (FLOOR, STATIC, BARE)


def normalised(answer: Any) -> Any:
    """An answer without what systems may do differently.

    A connection is its nodes, a reference the target that it leads to; addresses, which carry the port, are
    left out.
    """
    if isinstance(answer, list):
        return [normalised(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    for wrapper in ("nodes", "target"):
        if list(answer) == [wrapper]:
            return normalised(answer[wrapper])
    return {key: normalised(value) for key, value in answer.items() if key != "href"}


def difference(first: Any, second: Any, path: str = "$") -> str | None:
    """Where two answers differ first, for people."""
    if isinstance(first, dict) and isinstance(second, dict):
        if first.keys() != second.keys():
            return f"{path}: {sorted(first.keys() ^ second.keys())} in one of them only"
        pairs = [(f"{path}.{key}", first[key], second[key]) for key in first]
    elif isinstance(first, list) and isinstance(second, list):
        if len(first) != len(second):
            return f"{path}: {len(first)} elements, and {len(second)}"
        pairs = [(f"{path}[{n}]", a, b) for n, (a, b) in enumerate(zip(first, second, strict=True))]
    else:
        return None if first == second else f"{path}: {first!r}, and {second!r}"
    return next((found for path, a, b in pairs if (found := difference(a, b, path))), None)


def selected(names: Sequence[str]) -> list[Workload]:
    return [WORKLOADS[name] for name in names if name in WORKLOADS]
