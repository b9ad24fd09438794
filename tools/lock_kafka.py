"""Writes src/knownas/embedded/kafka.lock: every jar that the embedded Kafka needs, with its size and hash.

Resolved once here, so that a first start downloads a known list, checks each file, and walks no dependency tree.
"""

from __future__ import annotations

import hashlib
import pathlib

import jgo

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
# Kafka logs through slf4j 1.7 and brings no binding for it: without one its log is silent.
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
LOCK = pathlib.Path(__file__).parent.parent / "src/knownas/embedded/kafka.lock"


def main() -> None:
    # Resolved apart: together, versions that the logger's build recommends would replace Kafka's own.
    jars = {(jar.groupId, jar.artifactId): jar for endpoint in (LOGGING, KAFKA) for jar in jgo.resolve(endpoint)}
    LOCK.write_text("".join(sorted(map(line, jars.values()))))


def line(artifact: jgo.maven.Artifact) -> str:
    jar = artifact.resolve().read_bytes()
    coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
    return f"{coordinate} {len(jar)} {hashlib.sha256(jar).hexdigest()}\n"


if __name__ == "__main__":
    main()
