"""A real Kafka and a real Valkey from pip-installed parts: for the demo, the tests and a first look.

`Services` starts both and stops both; `start_kafka` and `start_valkey` start one. They listen on 127.0.0.1 alone,
keep everything in their state directory, and never outlive the process that started them, even if that is killed.

Reading order: services, server (what both have in common), kafka and valkey (what differs), state (the directory and
its lock), keeper (the little process between us and a server), jars (the first download), probe, progress.
"""

from knownas.embedded.errors import EmbeddedError
from knownas.embedded.kafka import Kafka, start_kafka
from knownas.embedded.progress import Progress, console_progress, silent
from knownas.embedded.services import Services
from knownas.embedded.valkey import Valkey, start_valkey

__all__ = [
    "EmbeddedError",
    "Kafka",
    "Progress",
    "Services",
    "Valkey",
    "console_progress",
    "silent",
    "start_kafka",
    "start_valkey",
]
