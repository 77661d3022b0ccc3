"""What a deployment costs a month, computed: `python -m benchmarks.costs --events 1 10 100`.

Nothing is measured here. The prices are list prices, which change and differ by region; what an
event needs was measured on a laptop (docs/deploy.md says how), and the platform's rules are those
that it publishes. Every figure can be given anew by an option.
"""

from __future__ import annotations

from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, fields

MONTH = 730 * 3600.0
"""Seconds."""

_GB = 1e9
_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars, East US, pay as you go, as found in November 2026."""

    on_demand_gb_s: float = 0.000026
    on_demand_free_gb_s: float = 100_000
    always_ready_idle_gb_s: float = 0.000004
    always_ready_busy_gb_s: float = 0.000016
    million_executions: float = 0.40
    free_executions: float = 250_000
    million_table_operations: float = 0.036
    table_gb: float = 0.045
    million_blob_writes: float = 5.0
    million_blob_reads: float = 0.4
    blob_gb: float = 0.018
    telemetry_gb: float = 2.30
    telemetry_free_gb: float = 5.0
    alert: float = 0.50
    private_endpoint_hour: float = 0.01


@dataclass(frozen=True, slots=True)
class Deployment:
    """What its owner decides.

    Attributes:
        memory_gb: Of an instance.
        always_ready: Instances for calls that always run; with 0 they come and go.
        trainer_seconds: Between two looks of the trainer.
        evaluator_seconds: Between two looks of the evaluator.
        update_seconds: ``modelExportFrequency``.
        retention_days: ``logRetentionDays``.
        items_per_second: What sampling leaves of an instance's requests and traces.
        daily_cap_gb: Of telemetry.
        alerts: How many rules there are, looking each quarter of an hour.
        private_endpoints: How many there are.
    """

    memory_gb: float = 2.0
    always_ready: float = 0
    trainer_seconds: float = 15
    evaluator_seconds: float = 60
    update_seconds: float = 300
    retention_days: float = 90
    items_per_second: float = 2
    daily_cap_gb: float = 1
    alerts: float = 6
    private_endpoints: float = 0


@dataclass(frozen=True, slots=True)
class Needs:
    """What was measured or, where it says so, assumed.

    Attributes:
        rewards: For each decision.
        decision_bytes: A row of 10 actions with 10 features, as Tables counts it.
        reward_bytes: A row.
        joined_bytes: Of an event in the joined log, compressed.
        learned_per_second: Events in a run of the trainer.
        shortest: Seconds that the platform counts for anything it does.
        items: Telemetry of one call or timer: a request and two traces.
        item_bytes: Assumed.
        serving_reads: Blob reads a second of a process that is called.
        trainer_reads, evaluator_reads, evaluator_lists: At each look.
        update_reads, update_writes, update_scans: Of each run that learns.
        metric_rows: An hour, over all processes, of one loop; assumed.
    """

    rewards: float = 0.5
    decision_bytes: float = 780
    reward_bytes: float = 300
    joined_bytes: float = 300
    learned_per_second: float = 2_000
    shortest: float = 1.0
    items: float = 3
    item_bytes: float = 1_000
    serving_reads: float = 0.73
    trainer_reads: float = 6
    trainer_scans: float = 10
    evaluator_reads: float = 5
    evaluator_lists: float = 1
    update_reads: float = 15
    update_writes: float = 7
    update_scans: float = 10
    metric_rows: float = 400


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the bill, in dollars."""

    name: str
    dollars: float


def bill(events: float, deployment: Deployment, needs: Needs, prices: Prices) -> list[Item]:
    """The lines of a month's bill.

    Args:
        events: Decisions a second, evenly at random, all month.
    """
    calls = events * (1 + needs.rewards)
    gigabytes = deployment.memory_gb
    # Something is counted for a second at least; what comes inside that second is free.
    busy = calls * needs.shortest / (1 + calls * needs.shortest)
    updates = MONTH / deployment.update_seconds
    looks = MONTH / deployment.trainer_seconds
    judged = MONTH / deployment.evaluator_seconds
    learning = max(needs.shortest, events * deployment.update_seconds / needs.learned_per_second)
    trainer_busy = (looks - min(updates, looks)) * needs.shortest + min(updates, looks) * learning
    timers_gb_s = (trainer_busy + judged * needs.shortest) * gigabytes
    calls_gb_s = busy * MONTH * gigabytes
    timer_runs = looks + judged

    if deployment.always_ready:
        idle = deployment.always_ready * MONTH * gigabytes * prices.always_ready_idle_gb_s
        serving = idle + calls_gb_s * prices.always_ready_busy_gb_s
        on_demand_gb_s, on_demand_runs = timers_gb_s, timer_runs
        paid_runs = calls * MONTH
    else:
        serving = calls_gb_s * prices.on_demand_gb_s
        on_demand_gb_s, on_demand_runs = timers_gb_s + calls_gb_s, timer_runs + calls * MONTH
        paid_runs = 0.0
    grant = min(prices.on_demand_free_gb_s, on_demand_gb_s) * prices.on_demand_gb_s
    paid_runs += max(0.0, on_demand_runs - prices.free_executions)

    kept = events * deployment.retention_days * 86_400
    table_bytes = kept * (needs.decision_bytes + needs.rewards * needs.reward_bytes)
    scans = looks * needs.trainer_scans + updates * needs.update_scans
    reads = (
        busy * MONTH * needs.serving_reads
        + looks * needs.trainer_reads
        + judged * needs.evaluator_reads
        + updates * needs.update_reads
    )
    writes = updates * needs.update_writes + judged * needs.evaluator_lists

    sampled = min(calls * needs.items, deployment.items_per_second) * MONTH
    telemetry_bytes = (
        sampled + timer_runs * needs.items + MONTH / 3600 * needs.metric_rows
    ) * needs.item_bytes
    telemetry_gb = min(telemetry_bytes / _GB, deployment.daily_cap_gb * MONTH / 86_400)

    return [
        Item("calls: memory × time", serving),
        Item("timers: memory × time", timers_gb_s * prices.on_demand_gb_s),
        Item("free grant of memory × time", -grant),
        Item("executions", paid_runs / _MILLION * prices.million_executions),
        Item(
            "tables: operations",
            (calls * MONTH + scans) / _MILLION * prices.million_table_operations,
        ),
        Item("tables: stored", table_bytes / _GB * prices.table_gb),
        Item(
            "blobs: operations",
            reads / _MILLION * prices.million_blob_reads
            + writes / _MILLION * prices.million_blob_writes,
        ),
        Item("blobs: stored", kept * needs.joined_bytes / _GB * prices.blob_gb),
        Item(
            "telemetry",
            max(0.0, telemetry_gb - prices.telemetry_free_gb) * prices.telemetry_gb,
        ),
        Item("alerts", deployment.alerts * prices.alert),
        Item(
            "private endpoints",
            deployment.private_endpoints * MONTH / 3600 * prices.private_endpoint_hour,
        ),
    ]


def table(events: Sequence[float], deployment: Deployment, needs: Needs, prices: Prices) -> str:
    """The bills of several loads side by side, in Markdown."""
    bills = [bill(each, deployment, needs, prices) for each in events]
    heads = " | ".join(f"{each:g}/s" for each in events)
    lines = [f"| dollars a month | {heads} |", "|---" * (len(events) + 1) + "|"]
    for row in zip(*bills, strict=True):
        if any(item.dollars for item in row):
            amounts = " | ".join(f"{item.dollars:,.2f}" for item in row)
            lines.append(f"| {row[0].name} | {amounts} |")
    totals = " | ".join(f"**{sum(item.dollars for item in each):,.0f}**" for each in bills)
    return "\n".join([*lines, f"| **all** | {totals} |"])


def main() -> None:
    """Print the table for what the command line says."""
    parser = ArgumentParser(
        prog="python -m benchmarks.costs",
        description=__doc__,
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--events", type=float, nargs="+", default=[1, 10, 100], metavar="N")
    for kind in (Deployment, Needs, Prices):
        for field in fields(kind):
            option = "--" + field.name.replace("_", "-")
            name = kind.__name__.lower()
            parser.add_argument(option, type=float, default=field.default, metavar="N", help=name)
    given = vars(parser.parse_args())
    events: list[float] = given.pop("events")

    def chosen(kind: type[Deployment] | type[Needs] | type[Prices]) -> dict[str, float]:
        return {field.name: given[field.name] for field in fields(kind)}

    deployment = Deployment(**chosen(Deployment))
    print(table(events, deployment, Needs(**chosen(Needs)), Prices(**chosen(Prices))))


if __name__ == "__main__":
    main()
