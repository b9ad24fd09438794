"""Records as they are, over HTTP: for who has no Kafka client."""

from __future__ import annotations

from typing import Final

import msgspec

from knownas.doors import UNAVAILABLE, Answer, Asked, Put, answer_json
from knownas.serve.asking import body_as
from knownas.serve.faults import Fault
from knownas.serve.gateway import position_text, written
from knownas.serve.routes import About, Route, Services
from knownas.serve.shapes import Records, RecordsShown, Taken

_read: Final = msgspec.json.Decoder(Records)


def routes(services: Services) -> list[Route]:
    """`POST /v1/records`"""
    most = services.settings.http_records

    async def take(asked: Asked) -> Answer:
        records = body_as(_read, asked, '{"records": [...]}').records
        if len(records) > most:
            raise Fault(413, "too_many_records", f"{len(records):,} records; a call may have {most:,}")
        return _answer(await services.gateway.put(records, asked.now_ms))

    about = About("Put records on their topics", "Records", takes=RecordsShown, gives=Taken)
    return [Route("POST", "/v1/records", take, "write", about)]


def _answer(puts: list[Put]) -> Answer:
    """200 where all were taken or some were wrong; 503 where Kafka has not acknowledged some: the answer says which."""
    refused = [
        {"index": place, "reason": put.reason, "error": put.detail}
        for place, put in enumerate(puts)
        if put.position is None
    ]
    taken = len(puts) - len(refused)
    said = {
        "status": "success" if not refused else "partial" if taken else "fail",
        "processed": taken,
        "unprocessed": refused,
        "position": position_text(written.get() or {}),
    }
    if any(put.reason == UNAVAILABLE for put in puts):
        return answer_json(said, 503, {"Retry-After": "2"})
    return answer_json(said, 200 if taken or not puts else 400)
