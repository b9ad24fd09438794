"""The reference page of the settings."""

from __future__ import annotations

from typing import Any, Final, get_args

from pydantic import SecretStr
from tools.contract.markdown import page, table

from knownas.settings import Settings
from knownas.settings_access import AccessSettings

_FIRST_USE: Final = "Fixed at a store's first use."
_BUSY: Final = "Beyond: 429 with `Retry-After`."

NOTES: Final = {
    "redis": "Redis 7, Valkey 7.2 or later, with `appendonly yes`, `appendfsync always`, `noeviction`. A cluster: "
    "`redis+cluster://a:6379,b:6379`, with TLS `rediss+cluster://`.",
    "redis_wait_replicas": "For replicas with automatic fail-over (`WAITAOF`, 7.2 or later); 1 to 10 ms more a poll "
    "where all is on one machine.",
    "kafka_security": "More: [security](../../deploy/SECURITY.md).",
    "secret": "Required, here or in a file. Losing or changing it means recognizing nobody.",
    "group": f"With the two prefixes: several deployments side by side. {_FIRST_USE}",
    "identity_kinds": f"The first wins; `phone` and others may be added. {_FIRST_USE}",
    "phone_region": _FIRST_USE,
    "day_timezone": _FIRST_USE,
    "timeline_entries": "Counts are exact whatever it is.",
    "idle_guest_days": "In bounded steps.",
    "snapshot_days": "Well below what `resolved` keeps.",
    "session_timeout_ms": "For workers with names, longer than one that died takes to be back.",
    "worker_name": "A StatefulSet's pod has one by itself.",
    "drain_seconds": "Then it ends, and what it held is repeated.",
    "health_host": "`/health`, `/health/live`, `/health/ready` and `/metrics` are there.",
    "log_level": "No line holds anything of a person.",
    "traces": "[How](../how-to/trace.md).",
    "http_origins": "JSONP, as CleverTap's Web SDK has it by default, needs none.",
    "http_body_bytes": "Beyond: 413.",
    "http_records": "Beyond: 413.",
    "http_at_once": _BUSY,
    "http_bytes_at_once": _BUSY,
    "http_key_at_once": _BUSY,
    "http_key_rate": _BUSY,
    "http_streams": _BUSY,
    "http_token_keys": "No keys, no tokens.",
}
"""What an operator wants to know of a setting beside what it means."""


def settings() -> str:
    """Every setting: name, default, what it means."""
    names = sorted(Settings.model_fields, key=lambda name: name.startswith("http_") and name.endswith("_file"))
    access = {name for name in AccessSettings.model_fields if not name.startswith("http_")}
    groups = {
        "Kafka, the store, workers": [name for name in names if name not in access and not name.startswith("http_")],
        "Being let in by Kafka and the store": [name for name in names if name in access],
        "The gateway": [name for name in names if name.startswith("http_")],
    }
    head = ("variable", "default", "")
    parts = [f"## {title}\n\n" + table(head, map(_setting, some)) for title, some in groups.items()]
    says = (
        "Settings are read from the environment once, at the start; wrong ones are named all at once. In a folder "
        "where `knownas up` runs, commands take from `.knownas/environment` what the environment does not say."
    )
    return page("Settings", says, *parts)


def _setting(name: str) -> tuple[str, str, str]:
    field = Settings.model_fields[name]
    choices = [f"`{choice}`" for choice in get_args(field.annotation) if isinstance(choice, str)]
    limits = ", ".join([*filter(None, map(_limit, field.metadata)), *choices])
    says = (field.description or "") + (f" ({limits})" if limits else "")
    note = f". {NOTES[name]}" if name in NOTES else ""
    return f"`KNOWNAS_{name.upper()}`", _default(field.default), says + note


def _default(value: Any) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        value = ",".join(value)
    if isinstance(value, bool):
        value = str(value).lower()
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _limit(told: Any) -> str:
    words = {"ge": "at least", "le": "at most"}
    said = [f"{word} {getattr(told, name):,}" for name, word in words.items() if getattr(told, name, None)]
    return said[0] if said else ""
