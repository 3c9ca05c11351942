"""`python -m tests.chaos`: kill servers under many streams and compare every answer; writes a report."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

from tests.chaos.run import Plan, run
from tests.redis_process import MISSING, redis_program


def main() -> int:
    """Run the plans of all stores that were asked for, one after the other."""
    plan, default = argparse.ArgumentParser(description=__doc__), Plan()
    plan.add_argument("--kills", type=int, default=default.kills)
    plan.add_argument("--streams", type=int, default=default.streams)
    plan.add_argument("--store", choices=("file", "redis"), action="append", help="default: both, one after the other")
    plan.add_argument("--seconds", type=float, default=default.seconds, help="no fault begins later than this")
    plan.add_argument("--apart", type=float, default=default.apart, help="seconds between two faults, at most")
    plan.add_argument("--seed", type=int, default=default.seed, help="of what is said and of what happens")
    plan.add_argument("--pause", type=float, default=default.pause, help="seconds between two pieces of input")
    plan.add_argument("--tiny", action="store_true", help="the models of the tests alone, which start faster")
    plan.add_argument("--kills-only", action="store_true", help="no other faults than kills")
    plan.add_argument("--report", type=Path, default=Path("chaos.json"))
    said = plan.parse_args()
    common = Plan(
        kills=said.kills, streams=said.streams, seconds=said.seconds, seed=said.seed, pause=said.pause, tiny=said.tiny,
        faults=not said.kills_only, apart=said.apart,
    )  # fmt: skip
    reports = []
    for store in said.store or ("file", "redis"):
        if store == "redis" and redis_program() is None:
            print(f"skipped redis: {MISSING}")
            continue
        report = asyncio.run(run(replace(common, store=store)))
        reports.append(report)
        said.report.write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(report, indent=2))
    return 0 if all(report["ok"] for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
