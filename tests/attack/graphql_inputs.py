"""Attacks over GraphQL: on the parser, on validation, on compiling, on running and on encoding."""

import json
from typing import Any

from graphql import get_introspection_query
from graphql.language.print_string import print_string

from models import WHOLE
from tests.attack.inputs import GRAPHQL_BODY, JSON, Attack, Maker, Request, attack, nested
from tests.samples import complete, to_graphql

# ---- what expands --------------------------------------------------------------------------------


@attack
def fragment_bombs(m: Maker) -> Attack:
    """Fragments that each ask for the next one several times."""
    kind, _ = m.circular()
    width, depth, first = m.rng.choice([2, 2, 3, 4, 8]), m.size(2, 30), m.rng.choice([None, 1, 3])
    way = m.rng.choice(["aliases", "conditions", "twice", "inline", "directives", "unused", "circular"])
    on = kind.typename
    fragments = []
    for number in range(depth):
        parts = []
        for one in range(width):
            steps = m.circle(on)
            opened, closed = m.opened(steps, first)
            again = f"...F{number + 1}"
            match way:
                case "conditions":
                    again = f"... on {on} {{ {again} }} ... on Entity {{ ... on {on} {{ {again} }} }}"
                case "twice":
                    again = f"{again} {again}"
                case "inline":
                    again = f"... {{ ... {{ {again} }} }}"
                case "directives":
                    again = f"{again} @include(if: true) ...F{number + 1} @skip(if: false)"
            parts.append(f"{m.alias(one)}: {opened}{again}{closed}")
        fragments.append(f"fragment F{number} on {on} {{ {' '.join(parts)} }}")
    last = "...F0" if way == "circular" else "id"
    fragments.append(f"fragment F{depth} on {on} {{ id {last} }}")
    m.rng.shuffle(fragments)
    into, out = m.root(kind, first)
    inside = "id" if way == "unused" else "...F0"
    return Attack(
        f"{width} x {depth} on {on}, {way}", (m.graphql(f"{{ {into}{inside}{out} }} {' '.join(fragments)}"),)
    )


@attack
def spreads(m: Maker) -> Attack:
    """Fragments that spread the next one again and again at one place: nothing new is asked for."""
    kind = m.kind(held=True)
    width, depth = m.rng.choice([2, 3, 10, 40]), m.rng.randint(5, 60)
    on = m.rng.choice([kind.typename, "Entity"])
    parts = [f"fragment F{n} on {on} {{ {f'...F{n + 1} ' * width}}}" for n in range(depth)]
    into, out = m.root(kind)
    text = f"{{ {into}...F0{out} }} {' '.join(parts)} fragment F{depth} on {on} {{ id }}"
    return Attack(f"{width} x {depth} on {on}", (m.graphql(text),))


@attack
def cyclic_queries(m: Maker) -> Attack:
    """To and fro between kinds that refer to each other: one row stands in very many places."""
    kind, steps = m.circular()
    times, first = m.size(1, 6), m.rng.choice([None, 1, 2, 3, 5, 10, 20, 50, 200, 1000, 10_000])
    into, out = m.root(kind, first)
    opened = closed = ""
    for _ in range(times):
        if m.rng.random() < 0.3:
            steps = m.circle(kind.typename)
        more, end = m.opened(steps, first)
        opened, closed = opened + more, end + closed
    leaf = m.rng.choice(["id", "id name: __typename", m.leaf(kind.typename)])
    if not m.map.fields(kind.typename).get(leaf.split()[0]) and leaf != "__typename":
        leaf = "id"
    return Attack(
        f"{kind.typename} {times} times by {'.'.join(s.field or s.on for s in steps)}, first {first}",
        (m.graphql(f"{{ {into}{opened}{leaf}{closed}{out} }}"),),
    )


@attack
def deep(m: Maker) -> Attack:
    """Nesting beyond measure: selections, inline fragments, lists, objects, types."""
    depth = m.size(40, 20_000)
    match m.rng.choice(["inline", "fields", "lists", "objects", "types", "brackets", "unclosed"]):
        case "inline":
            shape, text = "inline fragments", f"{{ {nested('... { ', '__typename', ' }', depth)} }}"
        case "fields":
            kind, steps = m.circular()
            opened, closed = m.opened(steps, 1)
            into, out = m.root(kind, 1)
            depth = min(depth, 2_000)
            shape, text = "links", f"{{ {into}{nested(opened, 'id', closed, depth)}{out} }}"
        case "lists":
            shape, text = "lists", f"{{ node(id: {nested('[', '1', ']', depth)}) {{ id }} }}"
        case "objects":
            kind = m.kind()
            shape = "objects"
            text = f"{{ {kind.plural}(where: {nested('{not: ', '{}', '}', depth)}) {{ totalCount }} }}"
        case "types":
            shape, text = "list types", f"query ($v: {nested('[', 'Int', ']', depth)}) {{ __typename }}"
        case "brackets":
            shape, text = "opening brackets", m.rng.choice("{[(") * depth
        case _:
            shape, text = "never closed", "{ customers { nodes " + "{ a " * depth
    return Attack(f"{shape}, {depth} deep", (m.graphql(text[: GRAPHQL_BODY - 200]),))


# ---- what repeats --------------------------------------------------------------------------------


@attack
def repeated_fields(m: Maker) -> Attack:
    """The same field many times: validation compares each with each."""
    kind, count = m.kind(), m.size(20, 8_000)
    one = f"{kind.plural} {{ nodes {{ id }} }} "
    match m.rng.choice(["flat", "nested", "leaves", "fragments", "inline", "arguments"]):
        case "flat":
            shape, text = "a list", f"{{ {one * count} }}"
        case "nested":
            _, steps = kind, m.circle(kind.typename)
            opened, closed = m.opened(steps) if steps else ("", "")
            part = f"{opened}id{closed} "
            shape, text = "a link", f"{{ {kind.plural} {{ nodes {{ {part * count}}} }} }}"
        case "leaves":
            shape, text = "a leaf", f"{{ {kind.plural} {{ nodes {{ {'id ' * count}}} }} }}"
        case "fragments":
            each = m.size(2, 200)
            part = " ".join(f"fragment F{n} on Query {{ {one * each}}}" for n in range(max(1, count // each)))
            spreads = " ".join(f"...F{n}" for n in range(max(1, count // each)))
            shape, text = "a list in fragments", f"{{ {spreads} }} {part}"
        case "inline":
            shape, text = "a list in inline fragments", f"{{ {f'... on Query {{ {one}}} ' * count}}}"
        case _:
            part = " ".join(f"{kind.plural}(first: {n}) {{ nodes {{ id }} }}" for n in range(count))
            shape, text = "a list with other arguments", f"{{ {part} }}"
    return Attack(f"{shape} {count} times", (m.graphql(text[: GRAPHQL_BODY - 200]),))


@attack
def aliases(m: Maker) -> Attack:
    """One field under many names."""
    kind, count = m.kind(held=True), m.size(20, 6_000)
    inside = m.rng.choice(["nodes { id }", "totalCount", "nodes { id } totalCount", "pageInfo { endCursor }"])
    if m.rng.random() < 0.3:
        part = " ".join(f"a{n}: id" for n in range(count))
        return Attack(f"{count} of a leaf", (m.graphql(f"{{ {kind.plural} {{ nodes {{ {part} }} }} }}"),))
    part = " ".join(f"a{n}: {kind.plural} {{ {inside} }}" for n in range(count))
    return Attack(f"{count} of {kind.plural} {{ {inside} }}", (m.graphql(f"{{ {part} }}"[:GRAPHQL_BODY]),))


@attack
def totals(m: Maker) -> Attack:
    """Counts, which take a statement each, by aliases and below every object of a list."""
    count, parts = m.size(5, 200), []
    for number in range(count):
        kind = m.kind(held=True)
        where = m.rng.choice(["", "(first: 0)", f"(first: {number})"])
        parts.append(f"a{number}: {kind.plural}{where} {{ totalCount }}")
    kind, steps = m.circular()
    if m.rng.random() < 0.4 and any(step.on.endswith("Connection") for step in steps):
        cut = next(n for n, step in enumerate(steps) if step.on.endswith("Connection")) + 1
        opened, closed = m.opened(steps[:cut])
        parts = [f"a{n}: {opened}totalCount{closed}" for n in range(count)]
        text = f"{{ {kind.plural}(first: 100) {{ nodes {{ {' '.join(parts)} }} }} }}"
        return Attack(f"{count} below 100 of {kind.plural}", (m.graphql(text),))
    return Attack(f"{count} at the root", (m.graphql(f"{{ {' '.join(parts)} }}"),))


@attack
def directives(m: Maker) -> Attack:
    """Directives without end: known ones, unknown ones, with and without arguments, at every place."""
    count = m.size(20, 8_000)
    one = m.rng.choice(
        [
            "@include(if: true) ",
            "@skip(if: false) ",
            "@a ",
            "@deprecated ",
            "@include ",
            "@skip(if: $v) ",
            "@x(y: [1]) ",
        ]
    )
    place = m.rng.choice(["field", "operation", "fragment", "spread", "variable", "each"])
    many = one * count
    text = {
        "field": f"{{ __typename {many} }}",
        "operation": f"query {many} {{ __typename }}",
        "fragment": f"{{ ...F }} fragment F on Query {many} {{ __typename }}",
        "spread": f"{{ ...F {many} }} fragment F on Query {{ __typename }}",
        "variable": f"query ($v: Boolean = true {many}) {{ __typename @skip(if: $v) }}",
        "each": "{ " + " ".join(f"a{n}: __typename {one}" for n in range(count)) + " }",
    }[place]
    return Attack(
        f"{count} of {one.strip()} at {place}", (m.graphql(text[: GRAPHQL_BODY - 200], {"v": True}),)
    )


@attack
def typenames(m: Maker) -> Attack:
    """`__typename`, of which every query may ask everywhere."""
    count = m.size(50, 20_000)
    kind = m.kind(held=True)
    match m.rng.choice(["flat", "aliased", "below", "inline"]):
        case "flat":
            text = "{ " + "__typename " * count + "}"
        case "aliased":
            text = "{ " + " ".join(f"a{n}: __typename" for n in range(count)) + " }"
        case "below":
            part = " ".join(f"a{n}: __typename" for n in range(min(count, 3_000)))
            text = f"{{ {kind.plural}(first: 1000) {{ nodes {{ {part} }} }} }}"
        case _:
            text = "{ " + "... on Query { __typename } " * count + "}"
    return Attack(f"{count}", (m.graphql(text[: GRAPHQL_BODY - 200]),))


@attack
def definitions(m: Maker) -> Attack:
    """Many operations and fragments, named alike or not, used or not."""
    count = m.size(5, 5_000)
    match m.rng.choice(["named", "anonymous", "same", "fragments", "unused", "schema"]):
        case "named":
            text = " ".join(f"query Q{n} {{ __typename }}" for n in range(count))
            return Attack(f"{count} operations", (m.graphql(text[:GRAPHQL_BODY], name=f"Q{count - 1}"),))
        case "anonymous":
            text = "{ __typename } " * count
        case "same":
            text = "query Q { __typename } " * count
        case "fragments":
            text = "{ " + " ".join(f"...F{n}" for n in range(count)) + " } "
            text += " ".join(f"fragment F{n} on Query {{ __typename }}" for n in range(count))
        case "unused":
            text = "{ __typename } " + " ".join(f"fragment F{n} on Query {{ x }}" for n in range(count))
        case _:
            text = " ".join(f"type T{n} {{ a: Int }}" for n in range(count))
    return Attack(f"{count}", (m.graphql(text[: GRAPHQL_BODY - 200]),))


# ---- what is not there ---------------------------------------------------------------------------


@attack
def variables_declared(m: Maker) -> Attack:
    """Variables that nobody uses, that nobody declared, or that are declared over and over."""
    count = m.size(20, 10_000)
    match m.rng.choice(["unused", "undefined", "same", "unknown types", "defaults"]):
        case "unused":
            text = f"query ({' '.join(f'$v{n}: Int' for n in range(count))}) {{ __typename }}"
        case "undefined":
            text = "{ " + " ".join(f"a{n}: node(id: $v{n}) {{ id }}" for n in range(count)) + " }"
        case "same":
            text = f"query ({'$v: Int ' * count}) {{ __typename }}"
        case "unknown types":
            text = f"query ({' '.join(f'$v{n}: Custmer{n}' for n in range(count))}) {{ __typename }}"
        case _:
            text = f"query ({' '.join(f'$v{n}: [Int] = [1, {{}}]' for n in range(count))}) {{ __typename }}"
    return Attack(f"{count}", (m.graphql(text[: GRAPHQL_BODY - 200]),))


@attack
def unknown_names(m: Maker) -> Attack:
    """Fields, arguments, types and values that do not exist, near to ones that do: suggestions cost."""
    count, kind = m.size(5, 3_000), m.kind()
    length = m.rng.choice([4, 12, 60, 5_000, 60_000])
    near = (m.rng.choice(list(m.map.fields("Query"))) + "x" * length)[:length]
    many = max(1, min(count, (GRAPHQL_BODY - 1_000) // (length + 60)))
    match m.rng.choice(["fields", "arguments", "types", "values", "filters", "below"]):
        case "fields":
            text = "{ " + " ".join(f"{near}{n}" for n in range(many)) + " }"
        case "arguments":
            text = f"{{ {kind.plural}({' '.join(f'{near}{n}: 1' for n in range(many))}) {{ totalCount }} }}"
        case "types":
            text = "{ " + " ".join(f"... on {near}{n} {{ id }}" for n in range(many)) + " }"
        case "values":
            part = ", ".join(f"{near}{n}" for n in range(many))
            text = f"{{ {kind.plural}(orderBy: [{part}]) {{ totalCount }} }}"
        case "filters":
            part = ", ".join(f"{near}{n}: {{ eq: 1 }}" for n in range(many))
            text = f"{{ {kind.plural}(where: {{ {part} }}) {{ totalCount }} }}"
        case _:
            text = f"{{ {kind.plural} {{ nodes {{ {' '.join(f'{near}{n} {{ id }}' for n in range(many))} }} }} }}"
    return Attack(f"{many} names of {length}", (m.graphql(text),))


# ---- literals and variables ----------------------------------------------------------------------


@attack
def literals(m: Maker) -> Attack:
    """Values that are large, deep, or not what the place takes."""
    size, kind = m.size(200, GRAPHQL_BODY - 2_000), m.kind(held=True)
    made = {
        "integer": "9" * size,
        "negative": "-" + "1" * size,
        "float": "1." + "3" * size,
        "exponent": f"1e{m.size(3, 999_999)}",
        "tiny": f"1e-{m.size(300, 999_999)}",
        "string": '"' + m.text(size) + '"',
        "escapes": '"' + "\\u00e9" * (size // 6) + '"',
        "surrogates": '"' + "\\uD800" * (size // 6) + '"',
        "block": '"""' + "\n  ".join(m.text(20) for _ in range(size // 25)) + '"""',
        "quotes": '"""' + '\\"""' * (size // 4) + '"""',
        "numbers": "[" + "1 " * (size // 2) + "]",
        "strings": "[" + '"" ' * (size // 3) + "]",
        "objects": "[" + "{} " * (size // 3) + "]",
        "nulls": "[" + "null " * (size // 5) + "]",
        "keys": "{" + " ".join(f"k{n}: 1" for n in range(size // 10)) + "}",
        "twice": "{" + "k: 1 " * (size // 5) + "}",
        "variables": "[" + "$v " * (size // 3) + "]",
        "enums": "[" + "A " * (size // 2) + "]",
    }
    name = m.rng.choice(list(made))
    value = made[name]
    place = m.rng.choice(["id", "first", "where", "in", "orderBy", "after", "input", "directive", "default"])
    text = {
        "id": f"{{ node(id: {value}) {{ id }} }}",
        "first": f"{{ {kind.plural}(first: {value}) {{ totalCount }} }}",
        "where": f"{{ {kind.plural}(where: {value}) {{ totalCount }} }}",
        "in": f"{{ {kind.plural}(where: {{ id: {{ in: {value} }} }}) {{ totalCount }} }}",
        "orderBy": f"{{ {kind.plural}(orderBy: {value}) {{ totalCount }} }}",
        "after": f"{{ {kind.plural}(after: {value}) {{ totalCount }} }}",
        "input": f"mutation {{ createCustomer(input: {value}) {{ id }} }}",
        "directive": f"{{ __typename @include(if: {value}) }}",
        "default": f"query ($v: [Int] = {value}) {{ __typename }}",
    }[place]
    return Attack(f"{name} of {size} for {place}", (m.graphql(text),))


@attack
def open_values(m: Maker) -> Attack:
    """Values of an open type, which take anything: stored, compared, read back."""
    value = m.rng.choice(
        [
            "1e999", "-1e999", "1e-999", "9" * m.size(20, 20_000), "0." + "1" * m.size(20, 20_000),
            '"\\u0000"', '"\\uD800"', '"\\uDFFF\\uD800"', nested("[", "1", "]", m.size(10, 3_000)),
            nested("{a: ", "1", "}", m.size(10, 3_000)), "{" + "a: 1 " * m.size(2, 5_000) + "}",
            "[" + "0.1 " * m.size(2, 30_000) + "]", '"' + m.text(m.size(2, 200_000)) + '"', "$v", "NaN", "{a: $v}",
        ]
    )  # fmt: skip
    id = m.fresh()
    place = m.rng.choice(["create", "filter", "variable"])
    if place == "filter":
        condition = (
            f"serviceCharacteristic: {{ value: {{ {m.rng.choice(['eq', 'ne', 'gt', 'lte'])}: {value} }} }}"
        )
        return Attack(
            f"{value[:20]} in a filter",
            (m.graphql(f"{{ services(where: {{ {condition} }}) {{ totalCount }} }}"),),
        )
    text = (
        f'mutation {{ createService(input: {{ id: "{id}", serviceSpecification: {{ id: "s" }}, serviceCharacteristic: '
        f'[{{ name: "a", value: {value} }}] }}) {{ id serviceCharacteristic {{ value }} }} }}'
    )
    read = m.get(f"/tmf-api/serviceInventory/v4/service/{id}")

    def judge(answers: Any) -> Any:
        created, found = answers
        kept = ((created.json or {}).get("data") or {}).get("createService")
        if kept and found.status != 200:
            yield f"was accepted and is not to be read: {found.status}"
        if kept and value in ("1e999", "-1e999") and kept["serviceCharacteristic"][0]["value"] is None:
            yield f"{value} was stored as null"

    return Attack(
        f"{value[:20]} stored",
        (m.graphql(text), read),
        judge,
        cleanup=(m.delete(WHOLE.kinds["Service"], id),),
    )


@attack
def variables_given(m: Maker) -> Attack:
    """Values of variables: long lists, wrong types, conditions in conditions."""
    kind = m.kind(held=True)
    text = f"query ($w: {kind.name}Filter) {{ {kind.plural}(first: 3, where: $w) {{ nodes {{ id }} totalCount }} }}"
    count, depth = m.size(10, 20_000), m.size(5, 3_000)
    way = m.rng.choice(["in", "wrong", "deep", "wide", "mixed", "unknown", "types", "regexes"])
    where: Any
    match way:
        case "in":
            where = m.compared(kind, "in", [m.text(8) for _ in range(count)])
        case "wrong":
            where = m.compared(kind, "in", [m.rng.choice([1, None, {}, [], True, 1.5]) for _ in range(count)])
        case "deep":
            opened, closed = m.rng.choice([('{"and": [', "]}"), ('{"or": [', "]}"), ('{"not": ', "}")])
            inside = nested(opened, json.dumps(m.compared(kind, "eq", "x")), closed, depth)
            return Attack(f"{depth} deep", (m.graphql(text, f'{{"w": {inside}}}'),))
        case "wide":
            where = {m.rng.choice(["and", "or"]): [m.compared(kind, "eq", m.text(5)) for _ in range(count)]}
        case "mixed":
            where = m.compared(kind, "ne", "x")
            for _ in range(min(depth, 12)):
                joint = m.rng.choice(["and", "or"])
                where = {joint: [where, {"not": where}]} if m.rng.random() < 0.8 else {"not": where}
        case "unknown":
            where = {f"{m.text(6)}{n}": 1 for n in range(count)}
        case "types":
            where = m.rng.choice(
                [[], 1, "x", True, [[[]]], {"id": []}, {"and": {"and": {"and": 1}}}, {"id": {"eq": 2**70}}]
            )
        case _:
            where = {"or": [m.compared(kind, "regex", m.rng.choice(REGEXES)) for _ in range(min(count, 200))]}
    return Attack(f"{way} {count} {depth}", (m.graphql(text, {"w": where}),))


REGEXES = [
    "(a+)+$", "(a|a)*b", "(a|aa)+$", "([a-z]+)*x", "(.*)(.*)(.*)(.*)(.*)x", "(a{1,50}){1,50}", ".{1,255}.{1,255}x",
    "^(([a-z])+.)+[A-Z]([a-z])+$", "x{255}", "(x{0,30}){0,30}", "(?i)(k|K)+", "a|" * 90, "[" + "a-z" * 60 + "]",
    "\\m\\M\\y", "(?:(?:(?:(?:a*)*)*)*)*b", "((((((((((a))))))))))", "[[:alpha:]]*[[:alpha:]]*x", "", "(", "\\", "*",
]  # fmt: skip


@attack
def regexes(m: Maker) -> Attack:
    """Patterns that take long, many at once, on texts at every depth."""
    kind = m.kind(held=True)
    count = m.size(1, 60)
    if m.rng.random() < 0.5:
        parts = [
            f"a{n}: {kind.plural}(where: $w{n}, first: 1) {{ totalCount }}"
            for n in range(m.rng.choice([1, 1, 3, 10]))
        ]
        names = " ".join(f"$w{n}: {kind.name}Filter" for n in range(len(parts)))
        values = {
            f"w{n}": {"or": [m.compared(kind, "regex", m.rng.choice(REGEXES)) for _ in range(count)]}
            for n in range(len(parts))
        }
        return Attack(
            f"{len(parts)} of {count}", (m.graphql(f"query ({names}) {{ {' '.join(parts)} }}", values),)
        )
    where = "serviceCharacteristic: { value: { regex: $p }, name: { regex: $p } }"
    text = f"query ($p: String!) {{ services(where: {{ or: [{f'{{ {where} }} ' * min(count, 30)}] }}) {{ totalCount }} }}"
    return Attack(f"{count} on nested values", (m.graphql(text, {"p": m.rng.choice(REGEXES)}),))


# ---- federation, introspection, history -----------------------------------------------------------


@attack
def entities(m: Maker) -> Attack:
    """`_entities` with thousands of representations: unknown, malformed, all the same."""
    count, kind = m.size(20, 5_000), m.kind(held=True)
    way = m.rng.choice(["unknown", "same", "malformed", "mixed", "types", "large"])
    makes = {
        "unknown": lambda n: {"__typename": kind.typename, "id": f"no-{n}"},
        "same": lambda n: {"__typename": kind.typename, "id": m.id(kind)},
        "malformed": lambda n: m.rng.choice(
            [{}, 1, None, [], "x", {"id": "x"}, {"__typename": 1}, {"__typename": "X"}]
        ),
        "mixed": lambda n: {
            "__typename": m.kind().typename,
            "id": m.rng.choice([m.id(kind), "no", 7, None, {}]),
        },
        "types": lambda n: {"__typename": f"Custmer{n}", "id": "x"},
        "large": lambda n: {"__typename": kind.typename, "id": f"{n}" * 60, "more": {"a": [1] * 20}},
    }
    given = [makes[way](n) for n in range(count)]
    body = json.dumps(given)
    while len(body) > GRAPHQL_BODY - 1_000:
        given = given[: len(given) // 2]
        body = json.dumps(given)
    selected = m.rng.choice(
        ["__typename", f"... on {kind.typename} {{ id href }}", "... on Entity { id atType }"]
    )
    text = f"query ($r: [_Any!]!) {{ _entities(representations: $r) {{ {selected} }} }}"
    return Attack(f"{len(given)} {way}", (m.graphql(text, {"r": given}),))


@attack
def introspection(m: Maker) -> Attack:
    """The schema about itself: as tools ask, and as no tool would."""
    depth, count = m.rng.randint(2, 12), m.size(2, 300)
    match m.rng.choice(
        ["standard", "never seen", "circular", "possible", "aliases", "fragments", "types", "enclosed"]
    ):
        case "standard":
            shape, text = (
                "standard",
                get_introspection_query(
                    descriptions=m.rng.random() < 0.5, directive_is_repeatable=m.rng.random() < 0.5
                ),
            )
        case "never seen":
            shape, text = (
                "never seen",
                get_introspection_query().replace("ofType", f"x{m.rng.randrange(10**6)}: ofType", 1),
            )
        case "circular":
            shape = f"circular {depth}"
            text = f"{{ __schema {{ types {{ {nested('fields { type { ', 'name', ' } }', depth)} }} }} }}"
        case "possible":
            shape = f"possible types {depth}"
            text = f"{{ __schema {{ types {{ {nested('possibleTypes { interfaces { ', 'name', ' } }', depth)} }} }} }}"
        case "aliases":
            shape = f"{count} aliases"
            text = (
                "{ "
                + " ".join(f"a{n}: __schema {{ types {{ name fields {{ name }} }} }}" for n in range(count))
                + " }"
            )
        case "fragments":
            parts = [
                f"fragment F{n} on __Type {{ a: ofType {{ ...F{n + 1} }} b: ofType {{ ...F{n + 1} }} fields {{ type {{ ...F{n + 1} }} }} }}"
                for n in range(depth)
            ]
            shape = f"fragments {depth}"
            text = f"{{ __schema {{ types {{ ...F0 }} }} }} {' '.join(parts)} fragment F{depth} on __Type {{ name }}"
        case "types":
            names = [m.rng.choice(list(m.map.types)) for _ in range(count)]
            shape = f"{count} types"
            text = (
                "{ "
                + " ".join(
                    f'a{n}: __type(name: "{one}") {{ fields {{ name args {{ name }} }} }}'
                    for n, one in enumerate(names)
                )
                + " }"
            )
        case _:
            shape = f"enclosed {depth}"
            text = f"{{ __schema {{ types {{ {nested('fields { args { type { ', 'name', ' } } }', depth)} }} }} }}"
    return Attack(shape, (m.graphql(text),))


@attack
def service_sdl(m: Maker) -> Attack:
    """The whole schema as text, many times in one answer."""
    count = m.size(1, 60)
    text = "{ " + " ".join(f"a{n}: _service {{ b: sdl c: sdl }}" for n in range(count)) + " }"
    return Attack(f"{count} times two", (m.graphql(text),))


@attack
def history(m: Maker) -> Attack:
    """All that an entity ever was, of many entities under many names."""
    kind, id = WHOLE.kinds["Category"], m.fresh()
    revisions, size, count = m.size(3, 40), m.size(100, 30_000), m.size(1, 60)
    steps = [m.post(kind, m.document(kind, id=id))]
    steps += [m.patch(kind, id, {"description": f"{n}{m.text(size)}"}) for n in range(revisions)]
    field = m.rng.choice(
        ["history { id revision stateAfter }", "history { id type time }", "history { __typename id }"]
    )
    one = " ".join(f"a{n}: {field}" for n in range(count))
    text = m.rng.choice(
        [f'{{ category(id: "{id}") {{ {one} }} }}', f"{{ categories(first: 1000) {{ nodes {{ {one} }} }} }}"]
    )
    return Attack(
        f"{revisions} of {size}, {count} times", (*steps, m.graphql(text)), cleanup=(m.delete(kind, id),)
    )


# ---- mutations -----------------------------------------------------------------------------------


@attack
def mutations(m: Maker) -> Attack:
    """Writes that are large, many in one operation, or wrong."""
    kind = WHOLE.kinds["Category"]
    count, size = m.size(1, 120), m.size(100, 100_000)
    ids = [m.fresh() for _ in range(count)]
    match m.rng.choice(["one", "many", "invalid", "updates", "whole"]):
        case "one":
            ids = ids[:1]
            text = "mutation ($i: CategoryCreate!) { createCategory(input: $i) { id description } }"
            variables: Any = {"i": {"id": ids[0], "name": "n", "description": m.text(size)}}
        case "many":
            text = (
                "mutation { "
                + " ".join(
                    f'a{n}: createCategory(input: {{ id: "{id}", name: "n" }}) {{ id }}'
                    for n, id in enumerate(ids)
                )
                + " }"
            )
            variables = None
        case "invalid":
            text = "mutation ($i: CategoryCreate!) { createCategory(input: $i) { id } }"
            variables = {
                "i": {"id": ids[0], "description": m.text(size), m.text(4).replace(" ", "x"): [1] * count}
            }
        case "updates":
            text = (
                f'mutation ($i: CategoryUpdate!) {{ c: createCategory(input: {{ id: "{ids[0]}", name: "n" }}) {{ id }} '
                + " ".join(f'a{n}: updateCategory(id: "{ids[0]}", input: $i) {{ id }}' for n in range(count))
                + " }"
            )
            variables = {"i": {"description": m.text(size)}}
            ids = ids[:1]
        case _:
            kind = WHOLE.kinds["Service"]
            document = to_graphql(kind.cls, complete(kind)) | {"id": ids[0]}
            text = "mutation ($i: ServiceCreate!) { createService(input: $i) { id } }"
            document["name"] = m.text(size)
            variables = {"i": document}
            ids = ids[:1]
    return Attack(
        f"{count} of {size}", (m.graphql(text, variables),), cleanup=tuple(m.delete(kind, id) for id in ids)
    )


@attack
def operations_at_odds(m: Maker) -> Attack:
    """What is asked for does not fit how it is asked: names, methods, types of operations."""
    name = m.rng.choice(["", "x", "A", "é", "a" * m.size(10, 100_000), "\x00"])
    text = m.rng.choice(
        ["", " ", "#", "{", "fragment F on Query { __typename }", "type T { a: Int }", "query A { __typename }",
         "{ __typename } { __typename }", "query A { __typename } query B { __typename }", "subscription { x }",
         "mutation { __typename }", "query A { __typename } mutation A { __typename }", "\ufeff{ __typename }", "null",
         "{ __typename(a: 1) }", "query ($a: Query) { __typename }", "{ customers }", "{ customers { } }", "\x00",
         "extend type Query { a: Int } { a }"]
    )  # fmt: skip
    if m.rng.random() < 0.3:
        from urllib.parse import urlencode

        target = urlencode(
            {"query": text, "operationName": name[:3_000], "variables": m.rng.choice(["", "{}", "[", "1"])}
        )
        return Attack(f"GET {text[:30]!r}", (Request("GET", f"/graphql?{target}"),))
    return Attack(f"{text[:30]!r} as {name[:10]!r}", (m.graphql(text, name=name),))


@attack
def graphql_bodies(m: Maker) -> Attack:
    """What is no operation at all: broken JSON, broken text, other types, other media types."""
    whole = json.dumps(
        {"query": "{ customers(first: 2) { nodes { id } } }", "variables": {"a": [1, {"b": "é"}]}}
    ).encode()
    body = m.rng.choice(
        [whole[: m.rng.randrange(len(whole))], whole + b"x", b"[" * m.size(10, 250_000), b"", b"null", b"[]", b'"x"', b"1",
         b'{"query": 1}', b'{"query": null}', b'{"query": []}', b'{"query": "{__typename}", "variables": []}',
         b'{"query": "{__typename}", "variables": "x"}', b'{"query": "{__typename}", "operationName": {}}',
         b'{"query": "{__typename}", "variables": {"a": 1e999}}', b'{"query": "{__typename}", "variables": {"a": NaN}}',
         b'{"query": "{__typename}", "query": "{__typename}"}', b'\xef\xbb\xbf{"query": "{__typename}"}',
         b'{"query": "\xff"}', b'{"query": "{__typename}", "variables": {"a": ' + b"9" * m.size(10, 250_000) + b"}}",
         b'{"query": "\\ud800"}', b'{"query": "\\u0000"}', b'{"query":"{__typename}","variables":' + b'{"a":' * m.size(10, 40_000),
         b"[" + b",".join([b'{"query":"{__typename}"}'] * m.size(2, 5_000)) + b"]", whole.decode().encode("utf-16"),
         b'{"query": "{__typename}", "extensions": ' + b"[" * 100 + b"]" * 100 + b"}",
         b'{"a": "' + b"x" * m.size(1_000, 3_000_000) + b'"}', b"query=%7B__typename%7D"]
    )  # fmt: skip
    media = m.rng.choice(
        [JSON, JSON, JSON, ("Content-Type", "application/graphql"), ("Content-Type", "application/json; charset=latin1"),
         ("Content-Type", ""), ("Content-Type", ";;;"), ("Content-Type", "multipart/form-data"),
         ("Content-Type", "application/graphql-response+json")]
    )  # fmt: skip
    accept = m.rng.choice(
        [(), (("Accept", "application/graphql-response+json"),), (("Accept", "text/html"),)]
    )
    return Attack(
        f"{body[:40]!r} of {len(body)} as {media[1]}",
        (Request("POST", "/graphql", body, (media, *accept)),),
        may_close=len(body) > GRAPHQL_BODY,
    )


@attack
def lists_by_variables(m: Maker) -> Attack:
    """Large pages of wide objects."""
    kind = m.kind(held=True)
    fields = [one for one, f in m.map.fields(kind.typename).items() if not getattr(f, "args", None)]
    plain = [one for one in fields if m.map.fields(kind.typename)[one] and one != "history"]
    leaves = " ".join(
        one for one in plain if str(m.map.fields(kind.typename)[one].type).strip("[]!") not in m.map.possible
    )
    first = m.rng.choice([-1, 0, 1, 1_000, 10_000, 10_001, 2**31 - 1])
    count = m.size(1, 25)
    text = (
        "query ($n: Int) { "
        + " ".join(f"a{n}: {kind.plural}(first: $n) {{ nodes {{ {leaves} }} }}" for n in range(count))
        + " }"
    )
    return Attack(f"{count} of {first} {kind.plural}", (m.graphql(text, {"n": first}),))


@attack
def cursors(m: Maker) -> Attack:
    """Cursors that the server never made."""
    from base64 import urlsafe_b64encode

    kind = m.kind(held=True)
    inside = m.rng.choice(
        ["[" * m.size(5, 100_000), "[]", "{}", "null", "[null]", "[1e999]", "[NaN]", '["\\u0000"]', '["\\ud800"]',
         "[" + "1," * m.size(1, 5_000) + "1]", f"[{'9' * m.size(10, 50_000)}]", '["a",["b"]]', "\xff", m.text(m.size(5, 100_000))]
    )  # fmt: skip
    cursor = (
        urlsafe_b64encode(inside.encode("latin-1")).decode().rstrip("=") if m.rng.random() < 0.8 else inside
    )
    way = m.rng.choice(["after", "before"])
    more = {"after": "first: 2", "before": "last: 2"}[way]
    text = f"{{ {kind.plural}({way}: {print_string(cursor)}, {more}) {{ nodes {{ id }} }} }}"
    rest = m.get(
        f"{m.path(kind)}?limit=2&cursor={cursor[:6_000]}"
        if cursor.isalnum()
        else f"{m.path(kind)}?cursor=%22"
    )
    return Attack(f"{inside[:20]!r} of {len(inside)}", (m.graphql(text), rest), may_close=True)
