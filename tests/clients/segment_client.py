"""Calls `segment-analytics-python`, as it is, in an environment of its own.

Reads {"host", "key", "calls": [[method, arguments], ...]} from standard input, sends everything, prints what failed.
"""

import json
import sys

from segment import analytics  # type: ignore[import-not-found]


def main() -> None:
    asked = json.load(sys.stdin)
    failed: list[str] = []
    analytics.write_key, analytics.host, analytics.gzip = asked["key"], asked["host"], True
    analytics.on_error = lambda error, _: failed.append(str(error))
    for method, arguments in asked["calls"]:
        getattr(analytics, method)(**arguments)
    analytics.shutdown()
    json.dump({"failed": failed}, sys.stdout)


main()
