"""Runtimes, deployments and their tokens, as JSON."""

import datetime

from pydantic import Field

from airgate_web.api.shapes.base import Answer, Body, Number, Words
from airgate_web.api.shapes.models import WarningAnswer


class ServerAnswer(Answer):
    """How somebody else's server is started, and where it answers."""

    port: int
    health: str
    metrics: str
    command: list[str]
    arguments: list[str]


class RuntimeAnswer(Answer):
    """A runtime. server: of the kind "server" alone. cards: whose cards it computes on; null where it is not said."""

    slug: str
    name: str
    kind: str
    language: str
    image: str
    formats: list[str]
    description: str
    server: ServerAnswer | None
    cards: list[str] | None


class OtherBody(Body):
    """A further model of a deployment."""

    model: str
    version: int | str = "latest"


class WishBody(Body):
    """What to deploy. cpu: cores, memory: GiB, accelerators: whole cards of `resource`, all for each replica.

    timeout: seconds for a whole answer. idle_timeout: seconds of silence after which it is given up; 0: no such limit.
    model: empty for a server that brings its own. arguments: of such a server, as a list or as a line.
    others: further models for the same cards.
    """

    model: str = ""
    version: int | str = "latest"
    runtime: str = ""
    cpu: Number = 1
    memory: Number = 1
    accelerators: Number = 0
    resource: str = ""
    replicas: Number = 1
    timeout: Number = 60
    idle_timeout: Number = 0
    arguments: Words = []
    others: list[OtherBody] = []


class DeploymentBody(WishBody):
    """A wish under a name, of a-z, 0-9 and -."""

    name: str


class ModelFileAnswer(Answer):
    """Which model a deployment serves. override: it was allowed past the scanner when it was deployed."""

    name: str
    version: int
    format: str
    digest: str
    override: bool


class ReplicaAnswer(Answer):
    """One pod or process. device: where it computes; devices: the cards it was granted."""

    name: str
    state: str
    node: str
    devices: list[str]
    device: str
    reason: str
    restarts: int
    started: datetime.datetime | None


class DeploymentAnswer(Answer):
    """A wish and what became of it. sentence: why it is not Ready. path: of predict, at the gateway."""

    project: str
    name: str
    path: str
    model: ModelFileAnswer | None
    others: list[ModelFileAnswer]
    runtime: str
    arguments: list[str]
    cpu: float = Field(description="cores")
    memory: float = Field(description="GiB")
    accelerators: int
    resource: str
    replicas: int
    timeout: int = Field(description="seconds")
    idle_timeout: int = Field(description="seconds; 0: none")
    generation: int
    state: str
    sentence: str
    notice: str
    ready: int
    running: list[ReplicaAnswer]
    created: datetime.datetime
    created_by: str


class JudgedDeploymentAnswer(DeploymentAnswer):
    """One deployment, with what its runtime warns of for each of its models."""

    warnings: list[WarningAnswer]


class TokenBody(Body):
    """note: whom it is for. days: 1 to 3650."""

    note: str = ""
    days: Number = 90


class TokenAnswer(Answer):
    """A token, without its text."""

    id: str
    note: str
    created: datetime.datetime
    created_by: str
    expires: datetime.datetime
    revoked: datetime.datetime | None


class IssuedTokenAnswer(TokenAnswer):
    """A new token. token: its text, shown this once."""

    token: str
