"""Both stages as plain Faust agents, as one would first write them: one call to the store for each thing looked at.

An agent reads events, asks the store for whom the device speaks and who owns the identities, and sends the record to
`resolved` with `topic.send`; an agent reads that, gets the profile as JSON, changes it, sets it, appends to the
timeline and publishes what changed. Faust's own settings are left as they are; clients and JSON are the fast ones
(hiredis, orjson).

Not done: exactness (Faust delivers at least once, so a crash counts twice and may bind twice), fences (a worker that
lost a partition goes on writing), ledger, rejected records, limits. Claims are guarded by `SET NX` alone.
"""

from __future__ import annotations

from typing import Any

import faust
import orjson
import redis.asyncio

from tests.bench.peers import outside, rules
from tests.bench.peers.outside import KAFKA, REDIS, TIMELINE_ENTRIES, device_key, owner_key, profile_key, timeline_key

app = faust.App(outside.NAMESPACE, broker=f"kafka://{KAFKA}", web_enabled=False, topic_disable_leader=True)
incoming = app.topic(outside.EVENTS, outside.UPDATES, value_serializer="raw")
resolved = app.topic(outside.RESOLVED, key_serializer="raw", value_serializer="raw")
changed = app.topic(outside.CHANGED, key_serializer="raw", value_serializer="raw")
store: Any = redis.asyncio.Redis.from_url(REDIS)
progress = outside.Progress()


@app.agent(incoming)
async def resolve(stream: Any) -> None:
    """Whose is it?"""
    async for value in stream:
        record = rules.parse(value)
        decision = await whose(record) if record is not None else None
        if record is None or decision is None:
            progress.done += 1
            continue
        device = record.get("device")
        await resolved.send(key=decision.profile.encode(), value=rules.message(value, decision, device))
        if decision.guest:
            await resolved.send(key=decision.guest.encode(), value=rules.link(decision))


async def whose(record: dict[str, Any]) -> rules.Decision | None:
    """Look up the device and the identities, decide, store what was decided."""
    device = record.get("device")
    binding = await store.get(device_key(device)) if device is not None else None
    owners: dict[str, str | None] = {}
    for identity in rules.identities(record):
        owner = await store.get(owner_key(identity))
        owners[identity] = owner.decode() if owner else None
    decision = rules.decide(record, binding.decode() if binding else None, owners)
    if decision is None:
        return None
    for identity in decision.claims:
        await store.set(owner_key(identity), decision.profile, nx=True)
    if device is not None and decision.binding is not None:
        await store.set(device_key(device), decision.binding)
    return decision


@app.agent(resolved)
async def materialize(stream: Any) -> None:
    """Fold it into the profile."""
    async for value in stream:
        told = orjson.loads(value)
        profile_id = told["profile"]
        raw = await store.get(profile_key(profile_id))
        profile = orjson.loads(raw) if raw else rules.new_profile(profile_id)
        names = rules.fold(profile, told)
        await store.set(profile_key(profile_id), orjson.dumps(profile))
        if "record" in told:
            await store.rpush(timeline_key(profile_id), rules.entry(told["record"]))
            await store.ltrim(timeline_key(profile_id), -TIMELINE_ENTRIES, -1)
        if names:
            await changed.send(key=profile_id.encode(), value=rules.change(profile, names))
        progress.done += "record" in told


if __name__ == "__main__":
    faust.Worker(app, loglevel="WARN", quiet=True).execute_from_commandline()
