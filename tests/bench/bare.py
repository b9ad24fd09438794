"""The least a server of the gateway's HTTP library can do with an upload: read it, parse it, answer."""

from __future__ import annotations

import asyncio
import sys

import orjson
from aiohttp import web


async def _answer(request: web.BaseRequest) -> web.Response:
    body = orjson.loads(await request.read())
    records = body["d"] if "d" in body else body["records"]
    answer = {"status": "success", "processed": len(records), "unprocessed": []}
    return web.Response(body=orjson.dumps(answer), headers={"Content-Type": "application/json"})


async def _serve(port: int) -> None:
    server = web.Server(_answer, access_log=None)
    await asyncio.get_running_loop().create_server(server, "127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
