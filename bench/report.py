"""What a run found: one table for people, the same as Markdown and JSON, and plots."""

import html
import itertools
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workloads import POSTGRAPHILE, Target, Workload

COLUMNS = (
    "",
    "system",
    "requests/s",
    "min-max",
    "p50 ms",
    "p95 ms",
    "CPU ms server",
    "CPU ms database",
    "x PostGraphile",
    "x floor",
    "statements",
)


@dataclass
class Sample:
    """One round of one system."""

    rate: float
    p50: float
    p95: float
    server: float | None
    """Seconds of CPU for each request."""
    database: float | None
    generator: float


@dataclass
class Verdict:
    """What came of a target."""

    target: str
    value: float
    met: bool

    def __str__(self) -> str:
        return f"{'met   ' if self.met else 'MISSED'} {self.target}: {number(self.value)}"


@dataclass
class Row:
    """A system under a workload: medians over the rounds."""

    workload: str
    system: str
    samples: list[Sample]
    statements: float | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)
    """Of requests/s to those of the other systems."""

    def median(self, name: str) -> float | None:
        values = [getattr(sample, name) for sample in self.samples]
        return None if None in values else statistics.median(values)

    @property
    def rate(self) -> float:
        return statistics.median(sample.rate for sample in self.samples)

    @property
    def span(self) -> tuple[float, float]:
        rates = [sample.rate for sample in self.samples]
        return min(rates), max(rates)

    def value(self, what: str) -> float | None:
        """What a target is about."""
        if what == "rate":
            return self.rate
        if what == "time":
            return 1 / self.rate
        if what == "p50":
            return self.median("p50")
        if what == "cpu":
            parts = self.median("server"), self.median("database")
            return None if parts[0] is None or parts[1] is None else parts[0] + parts[1]
        return self.statements


@dataclass
class Fact:
    """A measurement that is no request: a load, a start."""

    name: str
    title: str
    value: str
    verdicts: list[Verdict]
    details: dict[str, Any] = field(default_factory=dict)


@dataclass
class Report:
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def judge(rows: Sequence[Row], workload: Workload, ours: str) -> None:
    """Adds the ratios among the systems of a workload, and what of our targets is met."""
    by_system = {row.system: row for row in rows}
    for row in rows:
        row.ratios = {other.system: row.rate / other.rate for other in rows}
    if ours in by_system:
        found = (verdict(target, by_system[ours], by_system) for target in workload.targets)
        by_system[ours].verdicts = [one for one in found if one]


def verdict(target: Target, row: Row, by_system: dict[str, Row]) -> Verdict | None:
    """What came of a target; None where it was not measured."""
    value, base = row.value(target.what), 1.0
    if target.against:
        other = by_system.get(target.against)
        measured = other.value(target.what) if other else None
        if not measured:
            return None
        base = measured
    if value is None:
        return None
    return Verdict(str(target), value / base, target.met(value / base))


def number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return ""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.{1 if value >= 10 else 2 if value >= 1 else 3}f}"


def cells(row: Row, floor: str) -> list[str]:
    def thousandth(name: str) -> str:
        value = row.median(name)
        return number(None if value is None else value * 1000)

    low, high = row.span
    return [
        row.workload,
        row.system,
        number(row.rate),
        f"{number(low)}-{number(high)}",
        *(thousandth(name) for name in ("p50", "p95", "server", "database")),
        number(row.ratios.get(POSTGRAPHILE)),
        number(row.ratios.get(floor)),
        number(row.statements),
    ]


def header(report: Report) -> list[str]:
    """What one must know to read the table."""
    lines = [", ".join(f"{name} {value}" for name, value in report.machine.items())]
    lines.append(", ".join(f"{name} {value}" for name, value in report.versions.items()))
    lines.append(", ".join(f"{name} {value}" for name, value in report.settings.items()))
    return [*lines, *report.notes]


def as_text(report: Report, floors: dict[str, str], titles: dict[str, str], ours: str) -> str:
    """The table, and beside the rows of each workload what came of its targets."""
    table = [list(COLUMNS)] + [cells(row, floors[row.workload]) for row in report.rows]
    widths = [max(len(line[n]) for line in table) for n in range(len(COLUMNS))]

    def aligned(line: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(padded)

    lines = [*header(report), "", f"{aligned(COLUMNS)}   targets of {ours}"]
    for name, group in grouped(report):
        left = [aligned(cells(row, floors[name])) for row in group]
        right = [str(verdict) for row in group for verdict in row.verdicts]
        lines += ["", f"{name}  {titles[name]}"]
        lines += [
            f"{one:{len(aligned(COLUMNS))}}   {other}".rstrip()
            for one, other in itertools.zip_longest(left, right, fillvalue="")
        ]
    for fact in report.facts:
        lines += ["", f"{fact.name}  {fact.title}: {fact.value}"]
        lines += [f"    {verdict}" for verdict in fact.verdicts]
    return "\n".join(lines)


def grouped(report: Report) -> list[tuple[str, list[Row]]]:
    names = dict.fromkeys(row.workload for row in report.rows)
    return [(name, [row for row in report.rows if row.workload == name]) for name in names]


def as_markdown(report: Report, floors: dict[str, str], titles: dict[str, str], plots: Sequence[str]) -> str:
    lines = ["# Bench", "", *(f"- {line}" for line in header(report)), ""]
    lines += [f"- {name}: {title}" for name, title in titles.items()]
    lines += ["", _line(COLUMNS), "|---|---" + "|---:" * (len(COLUMNS) - 2) + "|"]
    lines += [_line(cells(row, floors[row.workload])) for row in report.rows]
    if report.facts:
        lines += ["", _line(("", "what", "measured")), "|---|---|---|"]
        lines += [_line((fact.name, fact.title, fact.value)) for fact in report.facts]
    verdicts = [(row.workload, one) for row in report.rows for one in row.verdicts]
    verdicts += [(fact.name, one) for fact in report.facts for one in fact.verdicts]
    if verdicts:
        lines += ["", _line(("", "target", "measured", "")), "|---|---|---:|---|"]
        lines += [
            _line((name, one.target, number(one.value), "met" if one.met else "**missed**"))
            for name, one in verdicts
        ]
    lines += [line for plot in plots for line in ("", f"![{plot}]({plot})")]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def as_json(report: Report) -> str:
    whole = asdict(report)
    for row, made in zip(report.rows, whole["rows"], strict=True):
        low, high = row.span
        made["medians"] = {
            "rate": row.rate,
            "min": low,
            "max": high,
            **{name: row.median(name) for name in ("p50", "p95", "server", "database", "generator")},
        }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


# ---- plots --------------------------------------------------------------------------------------

WIDTH, LEFT, RIGHT, BAR, GAP = 720, 150, 90, 22, 10
COLOURS = {"tmfgraph": "#1f6feb"}
OTHER = "#9aa4b2"
FONT = 'font-family="system-ui, sans-serif" font-size="13" fill="#1b1f24"'


def plot(title: str, rows: Sequence[Row], unit: str = "requests/s") -> str:
    """A bar for each system, with a line from its slowest to its fastest round.

    Without the static answer, which would make all other bars short.
    """
    rows = [row for row in rows if row.system != "static"] or rows
    height = 56 + len(rows) * (BAR + GAP)
    scale = (WIDTH - LEFT - RIGHT) / max(row.span[1] for row in rows)
    size = f'width="{WIDTH}" height="{height}"'
    whole = html.escape(f"{title}, {unit}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {size} {FONT}>',
        f'<rect {size} fill="#ffffff"/>',
        f'<text x="12" y="24" font-size="15" font-weight="600">{whole}</text>',
    ]
    for n, row in enumerate(rows):
        y = 44 + n * (BAR + GAP)
        middle, base = y + BAR / 2, y + BAR / 2 + 4.5
        low, high = (f"{LEFT + end * scale:.1f}" for end in row.span)
        name, colour = html.escape(row.system), COLOURS.get(row.system, OTHER)
        width = f"{max(row.rate * scale, 1):.1f}"
        whisker = f"M{low} {middle}H{high}M{low} {middle - 4}v8M{high} {middle - 4}v8"
        parts += [
            f'<text x="{LEFT - 8}" y="{base}" text-anchor="end">{name}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{width}" height="{BAR}" rx="2" fill="{colour}"/>',
            f'<path d="{whisker}" stroke="#1b1f24" fill="none"/>',
            f'<text x="{high}" dx="8" y="{base}">{number(row.rate)}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def write(directory: Path, report: Report, floors: dict[str, str], titles: dict[str, str], ours: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    plots = []
    for name, rows in grouped(report):
        plots.append(f"{name}.svg")
        (directory / plots[-1]).write_text(plot(f"{name}: {titles[name]}", rows))
    (directory / "bench.md").write_text(as_markdown(report, floors, titles, plots))
    (directory / "bench.json").write_text(as_json(report))
    (directory / "bench.txt").write_text(as_text(report, floors, titles, ours) + "\n")
