"""What KEDA's objects may say, as far as the manifests use it, and nothing beyond it: `keda.sh/v1alpha1`, KEDA 2.

The packages that carry Kubernetes' schemas have none of KEDA, so its fields are named here.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class Metadata(_Strict):
    name: str
    namespace: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Target(_Strict):
    apiVersion: str
    kind: Literal["StatefulSet", "Deployment"]
    name: str


class KafkaLag(_Strict):
    """The kafka scaler's own; all are strings."""

    bootstrapServersFromEnv: str
    consumerGroup: str
    topic: str
    lagThreshold: str
    offsetResetPolicy: Literal["earliest", "latest"]
    sasl: Literal["none", "plaintext", "scram_sha256", "scram_sha512"] = "none"
    tls: Literal["enable", "disable"] = "disable"


class Reference(_Strict):
    name: str


class Trigger(_Strict):
    type: Literal["kafka"]
    metadata: KafkaLag
    authenticationRef: Reference | None = None


class Advanced(_Strict):
    horizontalPodAutoscalerConfig: dict[str, Any]


class Scaling(_Strict):
    scaleTargetRef: Target
    minReplicaCount: int
    maxReplicaCount: int
    pollingInterval: int
    advanced: Advanced
    triggers: list[Trigger]


class ScaledObject(_Strict):
    """How many there are, by what is asked."""

    apiVersion: Literal["keda.sh/v1alpha1"]
    kind: Literal["ScaledObject"]
    metadata: Metadata
    spec: Scaling


class Parameter(_Strict):
    parameter: Literal["username", "password", "ca", "cert", "key"]
    name: str
    key: str


class Parameters(_Strict):
    secretTargetRef: list[Parameter] = []
    configMapTargetRef: list[Parameter] = []


class TriggerAuthentication(_Strict):
    """With what it is asked."""

    apiVersion: Literal["keda.sh/v1alpha1"]
    kind: Literal["TriggerAuthentication"]
    metadata: Metadata
    spec: Parameters


KINDS: dict[str, type[ScaledObject | TriggerAuthentication]] = {
    "ScaledObject": ScaledObject,
    "TriggerAuthentication": TriggerAuthentication,
}
