"""The reference pages of docs/: settings, metrics, topics, keys in the store, reasons, made from the code."""

from __future__ import annotations

import inspect

from tools.contract.markdown import page, table
from tools.contract.metrics_page import metrics
from tools.contract.settings_page import settings
from tools.contract.topics import PARTITIONS, topics

from knownas.adapters import keys
from knownas.records.reasons import REFUSALS, REJECTIONS


def pages() -> dict[str, str]:
    """Every page by its name."""
    return {
        "settings": settings(),
        "metrics": metrics(),
        "topics": all_topics(),
        "store-keys": store_keys(),
        "reasons": reasons(),
    }


def all_topics() -> str:
    """Every topic."""
    parts = []
    for short, about in topics().items():
        kept = "; ".join(f"`{name}={value}`" for name, value in about["config"].items())
        rows = [
            ("key", about["key"]), ("written by", about["writes"]), ("read by", about["reads"]),
            ("partitions", PARTITIONS[about["partitions"]]), ("settings of the topic", kept),
        ]  # fmt: skip
        parts.append(f"## {short}\n\n{about['about'][0].upper()}{about['about'][1:]}.\n\n{table(('', ''), rows)}")
    says = (
        "Names are given without `KNOWNAS_TOPIC_PREFIX` (`knownas.`). `knownas topics create` makes them, `knownas "
        "doctor` looks whether they are still like this. What is in each is told by `schemas/asyncapi.json`."
    )
    return page("Topics", says, *parts)


def store_keys() -> str:
    """Every key in the store: the text of `adapters/keys.py`."""
    text = inspect.getdoc(keys) or ""
    first, _, rest = text.partition("\n\n")
    return page("Keys in the store", first.split(":")[0] + ". `ka:` is `KNOWNAS_REDIS_PREFIX`.", rest.strip())


def reasons() -> str:
    """Every reason code."""
    rejected = table(("code", "why"), [(f"`{code}`", says) for code, says in REJECTIONS.items()])
    refused = table(("code", "why"), [(f"`{code}`", says) for code, says in REFUSALS.items()])
    return page(
        "Reasons",
        "Codes are for programs and stay as they are; new ones may come.",
        f"## Why a record is rejected\n\nThe header `reason` in `knownas.rejected`.\n\n{rejected}",
        "## Why a part of a counted record is refused\n\n"
        f"The `reason` of a row of kind `refused` in `knownas.ledger`.\n\n{refused}",
    )
