"""Deployments: a wish (spec), what became of it (status), and the tokens that may call it."""

import datetime
from dataclasses import dataclass, field

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.names import find_workload_name
from airgate_web.domain.server import Server
from airgate_web.domain.timeouts import Timeouts
from airgate_web.domain.workload import Address, Kind, ModelFile, Replica, ReplicaState, Workload


@dataclass(frozen=True, slots=True)
class Deployment:
    """A wish: this version of that model, in this runtime, with these amounts, so many times.

    generation: 1 for the first wish, one more with each change. gate_secret, server: see Workload. model: None for a
    server that brings its own.
    """

    id: int
    route: str  # of its project
    name: str
    model: ModelFile | None
    runtime: str  # slug
    image: str  # of the runtime when the wish was made
    amounts: Amounts
    replicas: int
    generation: int
    created: datetime.datetime
    created_by: str
    gate_secret: str = field(repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)
    server: Server | None = None
    others: tuple[ModelFile, ...] = ()  # further models beside `model`, on the same cards

    @property
    def owner(self) -> str:
        """Whom people know it by."""
        return f"{self.route}/{self.name}"

    @property
    def what(self) -> str:
        """What it serves, in a word or two: the model and its version, or the runtime that brings its own."""
        return ", ".join(f"{model.name} v{model.version}" for model in self.models) or self.runtime

    @property
    def models(self) -> tuple[ModelFile, ...]:
        """Every model it serves; the first answers where none is named."""
        return (self.model, *self.others) if self.model else ()


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """Facts about one deployment; written by the reconciler alone.

    state: one of the five words, of the deployment as a whole. sentence: why it is not Ready, for a person; empty
    when it is. ready: replicas of this generation that answer.
    """

    state: ReplicaState
    generation: int
    ready: int
    wanted: int
    sentence: str = ""
    notice: str = ""  # something true and worth knowing though it is Ready: a card is held but not used
    replicas: tuple[Replica, ...] = ()
    addresses: tuple[Address, ...] = ()
    updated: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A deployment's token, without the token itself, which is shown once. id: the JWT's `jti`."""

    id: str
    deployment_id: int
    note: str
    created: datetime.datetime
    created_by: str
    expires: datetime.datetime
    revoked: datetime.datetime | None = None


def find_workload(deployment: Deployment) -> Workload:
    """Return the workload that carries out a deployment."""
    return Workload(
        name=find_workload_name("d", deployment.route, deployment.name),
        kind=Kind.SERVICE,
        owner=deployment.owner,
        image=deployment.image,
        amounts=deployment.amounts,
        replicas=deployment.replicas,
        gate_secret=deployment.gate_secret,
        model=deployment.model,
        server=deployment.server,
        others=deployment.others,
    )
