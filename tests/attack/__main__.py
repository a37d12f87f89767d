"""`python -m tests.attack`: attacks a server of its own, and tells what each kind cost it."""

import argparse
import sys
import warnings
from collections.abc import Sequence

from tests.attack.inputs import ATTACKS
from tests.attack.measure import GENEROUS, Bounds, attacked, growth, run


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.attack", description=__doc__, epilog=f"Kinds: {', '.join(ATTACKS)}."
    )
    parser.add_argument(
        "--cases", type=int, default=500, help="how many attacks, of all kinds in turn (default: 500)"
    )
    parser.add_argument("--seed", type=int, default=1, help="what they are made of (default: 1)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=list(ATTACKS),
        metavar="KIND",
        help="this kind alone; may be given again",
    )
    parser.add_argument(
        "--number", type=int, help="the attack with this number alone, of each kind that is asked for"
    )
    parser.add_argument(
        "--rounds", type=int, default=2, help="how often all run beside the probe (default: 2)"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=600,
        help="how long all of them may take, alone and once more beside the probe (default: 600)",
    )
    parser.add_argument("--generous", action="store_true", help="bounds for a machine that has other work")
    parser.add_argument(
        "--growth",
        type=int,
        default=0,
        metavar="N",
        help="instead: N requests of each sort, several times, and what they leave",
    )
    parser.add_argument(
        "--flag",
        action="append",
        default=[],
        metavar="FLAG",
        help="a flag for the server, like --flag=--strict-references",
    )
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    with attacked(*given.flag) as server:
        if given.growth:
            found = growth(server, requests=given.growth)
            for one in found:
                print(
                    f"{one.sort:26} {one.requests:7,} {one.per_request:10,.0f} bytes each  {sorted(one.statuses)}"
                )
            return int(any(one.per_request > 2_048 for one in found))
        bounds = GENEROUS if given.generous else Bounds()
        report = run(
            server,
            cases=given.cases,
            seed=given.seed,
            only=given.only,
            number=given.number,
            bounds=bounds,
            rounds=given.rounds,
            seconds=given.seconds,
            say=lambda words: print(words[:400], file=sys.stderr, flush=True),
        )
    print(report)
    print(f"\n{len(report.outcomes)} attacks, {len(report.failures)} faults")
    return int(bool(report.failures))


if __name__ == "__main__":
    sys.exit(main())
