"""Writes the Grafana dashboards of deploy/grafana: `.venv/bin/python tools/dashboards.py`. The tests compare them with
what is committed, and every expression with what workers and gateways say on /metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).parents[1] / "deploy" / "grafana"
SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
WIDTH, HEIGHT = 24, 8


class Panel(NamedTuple):
    """A chart, or with `now` a figure: expressions by what their lines are called."""

    title: str
    lines: dict[str, str]
    unit: str = "short"
    says: str = ""
    now: bool = False
    stacked: bool = False
    width: int = 8


class Row(NamedTuple):
    """Panels that belong together."""

    title: str
    panels: list[Panel]


def rate(metric: str, by: str = "", where: str = "") -> str:
    """How often a second, by some labels."""
    of = f"rate({metric}{{{where}}}[$__rate_interval])" if where else f"rate({metric}[$__rate_interval])"
    return f"sum by ({by}) ({of})" if by else f"sum({of})"


def quantile(share: float, metric: str, by: str = "", where: str = "") -> str:
    """What this share of a histogram's values is below."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', labels, where)})"


def shares(metric: str, where: str = "") -> dict[str, str]:
    """Half, most and nearly all."""
    return {f"p{round(share * 100)}": quantile(share, metric, where=where) for share in (0.5, 0.95, 0.99)}


RESOLVED: Final = rate("knownas_records_total", where='stage="resolve"')

FLOW: Final = [
    Row("Now", [
        Panel("Workers at work", {"": "sum(knownas_ready)"}, now=True, width=4),
        Panel("Records a second", {"": RESOLVED}, "cps", now=True, width=5),
        Panel("Behind, in records", {"": "sum(knownas_lag_records)"}, now=True, width=5),
        Panel(
            "Event to profile, p95", {"": quantile(0.95, "knownas_event_to_profile_seconds")}, "s", now=True, width=5
        ),
        Panel(
            "Rejected",
            {"": f"({rate('knownas_rejected_total')} or vector(0)) / ({RESOLVED} > 0)"},
            "percentunit", now=True, width=5,
        ),
    ]),
    Row("Records", [
        Panel("What became of them", {"{{stage}} {{outcome}}": rate("knownas_records_total", "stage, outcome")}, "cps"),
        Panel("Rejected, by reason", {"{{reason}}": rate("knownas_rejected_total", "reason")}, "cps", stacked=True),
        Panel("Decisions of the ledger", {"{{kind}}": rate("knownas_decisions_total", "kind")}, "cps", stacked=True),
    ]),
    Row("How late", [
        Panel(
            "Event to profile", shares("knownas_event_to_profile_seconds"), "s",
            "Of each chunk its first record: from its time in Kafka to its stored profile.",
        ),
        Panel("Event to decision", shares("knownas_event_to_decision_seconds"), "s"),
        Panel("Behind, by topic", {"{{topic}}": "sum by (topic) (knownas_lag_records)"}),
    ]),
    Row("Out", [
        Panel("Messages by topic", {"{{topic}}": rate("knownas_messages_total", "topic")}, "cps"),
        Panel("Commits not published yet", {"shard {{shard}}": "sum by (shard) (knownas_unpublished_commits)"}),
        Panel("Store memory", {
            "taken": "max(knownas_store_memory_bytes)", "limit": "max(knownas_store_memory_limit_bytes) > 0",
        }, "bytes"),
    ]),
    Row("Gateway", [
        Panel("Answers by status", {"{{status}}": rate("knownas_http_answers_total", "status")}, "cps", stacked=True),
        Panel("Time to answer", shares("knownas_http_seconds"), "s"),
        Panel("Records taken and turned away", {
            "taken": rate("knownas_taken_in_total"), "{{reason}}": rate("knownas_turned_away_total", "reason"),
        }, "cps"),
    ]),
]  # fmt: skip

WORKERS: Final = [
    Row("Who has what", [
        Panel("Partitions of each worker", {"{{instance}} {{topic}}": "count by (instance, topic) (knownas_position)"}),
        Panel("Ready", {"{{instance}}": "knownas_ready"}),
        Panel(
            "Partitions taken", {"{{instance}}": "sum by (instance) (increase(knownas_partitions_taken_total[5m]))"},
            says="At a start and after each rebalance.",
        ),
    ]),
    Row("Polls", [
        Panel("Time of a poll, p95", {"{{stage}}": quantile(0.95, "knownas_poll_seconds", "stage")}, "s"),
        Panel("Records of a chunk, median", {"{{stage}}": quantile(0.5, "knownas_chunk_records", "stage")}),
        Panel("Behind, by partition", {"{{topic}} {{partition}}": "knownas_lag_records"}),
    ]),
    Row("Where the time goes: seconds of each second, over all workers", [
        Panel(
            "Resolve", {"{{step}}": rate("knownas_step_seconds_sum", "step", 'stage="resolve"')}, "s", stacked=True,
            width=12,
        ),
        Panel(
            "Materialize", {"{{step}}": rate("knownas_step_seconds_sum", "step", 'stage="materialize"')}, "s",
            stacked=True, width=12,
        ),
    ]),
    Row("The store", [
        Panel("A look, p99", {
            "{{stage}} {{step}}": quantile(0.99, "knownas_step_seconds", "stage, step", 'step=~"load|commit"'),
        }, "s"),
        Panel("Profiles found in the cache", {
            "found": rate("knownas_cache_lookups_total", where='result="hit"')
            + " / (" + rate("knownas_cache_lookups_total") + " > 0)",
        }, "percentunit"),
        Panel("Fenced, and claims lost", {
            "commits of {{stage}}": rate("knownas_fenced_commits_total", "stage"),
            "publishers": rate("knownas_fenced_publishers_total"), "claims": rate("knownas_claims_lost_total"),
        }, "cps"),
    ]),
    Row("The processes", [
        Panel(
            "Processor", {"{{instance}}": 'rate(process_cpu_seconds_total{job=~"knownas.*"}[$__rate_interval])'},
            "percentunit", "Of one processor: a worker uses one.",
        ),
        Panel("Memory", {"{{instance}}": 'process_resident_memory_bytes{job=~"knownas.*"}'}, "bytes"),
        Panel("Cached profiles", {"{{instance}}": "knownas_cached_profiles"}),
    ]),
]  # fmt: skip


def dashboards() -> dict[str, Any]:
    """Every dashboard by its file's name."""
    return {
        "knownas-flow.json": _dashboard("knownas-flow", "knownas: the flow", FLOW),
        "knownas-workers.json": _dashboard("knownas-workers", "knownas: workers", WORKERS),
    }


def _dashboard(uid: str, title: str, rows: list[Row]) -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        panels.append({"type": "row", "title": row.title, "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y}})
        x, height = 0, 4 if all(panel.now for panel in row.panels) else HEIGHT
        for panel in row.panels:
            panels.append(_panel(panel, {"h": height, "w": panel.width, "x": x, "y": y + 1}))
            x += panel.width
        assert x <= WIDTH, f"{row.title} is {x} wide"
        y += 1 + height
    for number, made in enumerate(panels, 1):
        made["id"] = number
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {
        "uid": uid, "title": title, "tags": ["knownas"], "schemaVersion": 39, "editable": True, "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"}, "templating": {"list": [source]}, "panels": panels,
    }  # fmt: skip


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + number), "expr": expr, "legendFormat": called or "__auto", "datasource": SOURCE}
        for number, (called, expr) in enumerate(panel.lines.items())
    ]
    drawn = {"fillOpacity": 10, "stacking": {"mode": "normal" if panel.stacked else "none"}}
    own = {} if panel.now else drawn
    return {
        "type": "stat" if panel.now else "timeseries", "title": panel.title, "description": panel.says,
        "datasource": SOURCE, "gridPos": place, "targets": targets,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "noValue": "no data", "custom": own}, "overrides": [],
        },
    }  # fmt: skip


def text_of(dashboard: dict[str, Any]) -> str:
    """A dashboard as it stands in its file."""
    return json.dumps(dashboard, indent=1) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, made in dashboards().items():
        (FOLDER / name).write_text(text_of(made), encoding="utf-8")
