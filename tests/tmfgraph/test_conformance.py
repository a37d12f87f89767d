"""The declarations and the answers against TM Forum's official files, and the pages that tell of it.

The official files are not part of the product: TMFGRAPH_TMF_SPECS says where they are.
"""

import copy
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, FormatChecker

from models import WHOLE
from models.declare import Home, Kind
from models.times import canonical
from tests.conftest import Client
from tests.samples import complete, minimal
from tmfgraph import cli, conformance, logs
from tmfgraph.conformance import Deviation, Official, Report

ROOT = Path(__file__).parent.parent.parent
SPECS = Path(os.environ.get("TMFGRAPH_TMF_SPECS") or ROOT.parent / "shared" / "tmf-specs")

official_only = pytest.mark.skipif(
    not SPECS.is_dir(),
    reason="TM Forum's official files are not here; TMFGRAPH_TMF_SPECS may name their directory",
)


@functools.cache
def officials() -> tuple[Official, ...]:
    return tuple(conformance.read(SPECS)) if SPECS.is_dir() else ()


@functools.cache
def report() -> Report:
    return conformance.compare(officials())


# ---- the declarations ---------------------------------------------------------------------------


@official_only
def test_every_deviation_is_explained() -> None:
    assert [str(deviation) for deviation in report().unexplained] == []


@official_only
def test_every_explanation_explains_something() -> None:
    assert report().idle == ()


@official_only
def test_every_kind_is_compared_or_our_own() -> None:
    compared = {kind.name for one in report().comparisons for kind in one.official.kinds}
    assert sorted(set(WHOLE.kinds) - compared) == sorted(conformance.OWN_KINDS)


def _tampered(api: str, change: Callable[[dict[str, Any]], object]) -> set[Deviation]:
    """What is found beyond the usual where an official file says something else."""
    before = next(one for one in officials() if one.label == api)
    content = copy.deepcopy({"paths": dict(before.paths), "definitions": dict(before.definitions)})
    change(content)
    after = dataclasses.replace(before, **content)
    changed = conformance.compare([after if one is before else one for one in officials()])
    return set(changed.deviations) - set(report().deviations)


def _order(content: dict[str, Any], name: str = "ProductOrder") -> dict[str, Any]:
    return content["definitions"][name]["properties"]


@official_only
@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (lambda c: c["paths"].update({"/quote": frozenset({"GET"})}), "GET /quote", "not offered"),
        (
            lambda c: c["paths"].update({"/productOrder": frozenset({"GET"})}),
            "POST /productOrder",
            "offered",
        ),
        (lambda c: _order(c).update(extra={"type": "string"}), "ProductOrder.extra", "not declared"),
        (lambda c: _order(c).pop("category"), "ProductOrder.category", "declared"),
        (
            lambda c: _order(c).update(category={"type": "integer"}),
            "ProductOrder.category",
            "is string, officially integer",
        ),
        (
            lambda c: _order(c).update(note=_order(c)["note"]["items"]),
            "ProductOrder.note",
            "is [Note], officially Note",
        ),
        (
            lambda c: (
                _order(c).update(quote={"$ref": "#/definitions/Quote"})
                or c["definitions"].update(Quote={"properties": {}})
            ),
            "Quote",
            "not declared",
        ),
        (
            lambda c: c["definitions"]["ProductOrder_Create"].update(
                required=["productOrderItem", "category"]
            ),
            "ProductOrder.category",
            "optional on POST",
        ),
        (
            lambda c: c["definitions"]["ProductOrder_Create"].update(required=[]),
            "ProductOrder.productOrderItem",
            "mandatory on POST",
        ),
        (
            lambda c: c["definitions"]["ProductOrderItem"].update(required=["id", "quantity"]),
            "ProductOrderItem.quantity",
            "optional",
        ),
        (
            lambda c: c["definitions"]["ProductOrderItem"].update(required=["id", "quantity"]),
            "ProductOrderItem.action",
            "mandatory",
        ),
        (
            lambda c: c["definitions"]["ProductOrderItem"].update(required=["id", "lost"]),
            "ProductOrderItem.lost",
            "not asked for",
        ),
        (
            lambda c: _order(c, "ProductOrder_Create").pop("category"),
            "ProductOrder.category",
            "accepted on POST",
        ),
        (
            lambda c: _order(c, "ProductOrder_Create").update(orderDate={}),
            "ProductOrder.orderDate",
            "not accepted on POST",
        ),
        (lambda c: _order(c, "ProductOrder_Update").pop("category"), "ProductOrder.category", "patchable"),
        (
            lambda c: _order(c, "ProductOrder_Update").update(orderDate={}),
            "ProductOrder.orderDate",
            "not patchable",
        ),
        (
            lambda c: c["definitions"]["ProductOrderStateType"]["enum"].append("lost"),
            "ProductOrderStateType",
            'has no value "lost"',
        ),
        (
            lambda c: c["definitions"]["ProductOrderStateType"]["enum"].remove("held"),
            "ProductOrder.state",
            'has the state "held"',
        ),
        (
            lambda c: c["definitions"].update(ProductOrderLostEvent={}),
            "ProductOrderLostEvent",
            "never written",
        ),
        (lambda c: c["definitions"].pop("ProductOrderCreateEvent"), "ProductOrderCreateEvent", "written"),
    ],
)
def test_each_way_to_deviate_is_found(
    change: Callable[[dict[str, Any]], object], where: str, what: str
) -> None:
    assert Deviation("TMF622", where, what) in _tampered("TMF622", change)


# ---- the pages ------------------------------------------------------------------------------------


@pytest.fixture
def no_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within this process, logging is pytest's."""
    monkeypatch.setattr(logs, "configure", lambda settings: None)


@pytest.mark.usefixtures("no_logging")
def test_the_page_of_kinds_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["kinds"]) == 0
    page = (ROOT / "docs" / "kinds.md").read_text(encoding="utf-8")
    assert page == capsys.readouterr().out, "stale: run `./run refresh`"


@official_only
@pytest.mark.usefixtures("no_logging")
def test_the_page_on_conformance_is_what_the_command_writes(tmp_path: Path) -> None:
    written = tmp_path / "conformance.md"
    assert cli.main(["conformance", "--specs", str(SPECS), "--output", str(written)]) == 0
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert page == written.read_text(encoding="utf-8"), "stale: run `./run refresh --specs DIR`"


@official_only
@pytest.mark.usefixtures("no_logging")
def test_the_command_fails_where_something_is_not_explained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformance, "EXPLAINED", conformance.EXPLAINED[1:])
    assert cli.main(["conformance", "--specs", str(SPECS)]) == 1
    printed = capsys.readouterr()
    assert "tmfgraph: Not explained: TMF620 CatalogBatchEvent: never written\n" in printed.err
    assert "**Not explained yet.**" in printed.out


@pytest.mark.usefixtures("no_logging")
def test_the_command_says_which_file_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["conformance", "--specs", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"tmfgraph: There is no official file TMF620-*.json in {tmp_path}.\n"


# ---- the answers ------------------------------------------------------------------------------------

DATES = FormatChecker(formats=())


@DATES.checks("date-time")
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or canonical(value) is not None


def _official_for(kind: Kind, home: Home) -> Official | None:
    """The official file that says what a kind looks like at a path."""
    fitting = (one for one in officials() if one.api == home.api.number and kind in one.kinds)
    return next(fitting, None)


@functools.cache
def _definitions(official: Official) -> dict[str, Any]:
    """The official definitions, without what they ask for by an explained slip."""
    found = copy.deepcopy(dict(official.definitions))
    for deviation in report().deviations:
        if deviation.api == official.label and deviation.what == "not asked for":
            name, _, key = deviation.where.partition(".")
            found[name]["required"].remove(key)
    return found


def _homes(kind: Kind) -> Iterator[Home]:
    yield from kind.homes
    for abstract in WHOLE.abstracts.values():
        yield from abstract.homes if kind in abstract.kinds else ()


def _compared_kinds() -> list[Any]:
    found = [kind for kind in WHOLE.kinds.values() if kind.name not in conformance.OWN_KINDS]
    return [pytest.param(kind, id=kind.name) for kind in found if "create" in kind.operations]


@official_only
@pytest.mark.parametrize("make", [minimal, complete])
@pytest.mark.parametrize("kind", _compared_kinds())
def test_an_answer_is_valid_by_the_official_definition(
    shared: Client, kind: Kind, make: Callable[[Kind], dict[str, Any]]
) -> None:
    made = shared.post(kind.homes[0].url, make(kind))
    assert made.status_code == 201, made.text
    for home in _homes(kind):
        official = _official_for(kind, home)
        assert official, f"no official file has {kind.name} at {home.url}"
        answer = shared.get(f"{home.url}/{made.json()['id']}")
        assert answer.status_code == 200, answer.text
        schema = {"$ref": f"#/definitions/{kind.name}", "definitions": _definitions(official)}
        problems = Draft4Validator(schema, format_checker=DATES).iter_errors(answer.json())
        assert [f"{home.url} {problem.json_path}: {problem.message}" for problem in problems] == []
