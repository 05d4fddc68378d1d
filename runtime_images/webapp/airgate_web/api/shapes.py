"""What goes in and out as JSON. Bodies refuse fields that nobody knows; answers never carry a secret."""

import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """An answer, made from a domain object's attributes of the same names."""

    model_config = ConfigDict(from_attributes=True)


# A number, or one as typed. Anything is let through: the services say what is wrong with it, in the page's own words.
Number = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})]
Words = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]})]


class SignInBody(Body):
    """A name and its password."""

    name: str
    password: str


class SessionAnswer(Answer):
    """token: send it as `Authorization: Bearer`; good for 12 hours."""

    token: str
    user: str
    role: str


class UserAnswer(Answer):
    """Who is signed in."""

    name: str
    role: str


class PasswordBody(Body):
    """The password now and the one from now on."""

    old: str
    new: str


class ProjectBody(Body):
    """name: for people. route: for addresses, of a-z, 0-9 and -; it never changes."""

    name: str
    route: str
    description: str = ""


class ProjectAnswer(Answer):
    """A project."""

    name: str
    route: str
    description: str
    created: datetime.datetime
    created_by: str


class TensorAnswer(Answer):
    """datatype: in terms of Open Inference. shape: -1 is a free dimension. sample: of one row, as nested lists.

    content_schema: of each text, where those are JSON.
    """

    name: str
    datatype: str
    shape: list[int]
    sample: Any = None
    values: list[Any] = []
    content_schema: Any = Field(None, validation_alias="schema")


class SignatureAnswer(Answer):
    """What goes into a model and what comes out."""

    inputs: list[TensorAnswer]
    outputs: list[TensorAnswer]


class PermitBody(Body):
    """digest: of the version's file, so that no other is allowed than the one that was looked at."""

    digest: str
    reason: str


class PermitAnswer(Answer):
    """Why a file may be opened though the scanner refuses it. found: what that says. withdrawn: null while it holds."""

    digest: str
    reason: str
    found: str
    allowed: datetime.datetime
    allowed_by: str
    withdrawn: datetime.datetime | None
    withdrawn_by: str


class VersionAnswer(Answer):
    """One version of a model. size: bytes. permit: of a file that the scanner refuses."""

    project: str
    model: str
    version: int
    format: str
    filename: str
    digest: str
    size: int
    signature: SignatureAnswer
    task: str
    libraries: dict[str, str]
    created: datetime.datetime
    created_by: str
    description: str
    path: str
    permit: PermitAnswer | None


class WarningAnswer(Answer):
    """What a runtime says before it opens a model. runtime: slug. sentence: what, and why. hint: what to do."""

    runtime: str
    model: str
    sentence: str
    hint: str


class JudgedVersionAnswer(VersionAnswer):
    """One version, with what each runtime that runs its format warns of."""

    warnings: list[WarningAnswer]


class RegistrationBody(Body):
    """A folder. path: where it lies, for web and for the runtimes alike. digest: of its manifest."""

    name: str
    path: str
    digest: str
    description: str = ""


class ModelAnswer(Answer):
    """A model: its newest version and how many there are."""

    project: str
    name: str
    versions: int
    latest: VersionAnswer


class DataSetAnswer(Answer):
    """A data set. size: bytes."""

    project: str
    name: str
    filename: str
    digest: str
    size: int
    created: datetime.datetime
    created_by: str
    description: str


class SampleAnswer(Answer):
    """Bodies to start with: args for the test and for predict, tensors for Open Inference."""

    predict: dict[str, Any]
    infer: dict[str, Any]


class TrialBody(Body):
    """args: what stands under "args" in a call of predict. runtime: slug; one that fits when empty."""

    args: Any = None
    function: str = "predict"
    runtime: str = ""


class TrialAnswer(Answer):
    """What came of one test. ok false: the model failed, error and hint say why."""

    ok: bool
    result: Any
    stdout: str
    stderr: str
    device: str
    seconds: float
    load_seconds: float
    error: str
    hint: str


class ServerAnswer(Answer):
    """How somebody else's server is started, and where it answers."""

    port: int
    health: str
    metrics: str
    command: list[str]
    arguments: list[str]


class RuntimeAnswer(Answer):
    """A runtime. server: of the kind "server" alone."""

    slug: str
    name: str
    kind: str
    language: str
    image: str
    formats: list[str]
    description: str
    server: ServerAnswer | None


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


class GaugeAnswer(Answer):
    """Cards of one resource."""

    resource: str
    free: int
    healthy: int
    total: int


class NodeAnswer(Answer):
    """A node as last seen. cpu_millis and memory_mib: what pods may have."""

    name: str
    ready: bool
    classes: list[str]
    cpu_millis: int
    memory_mib: int
    capacity: dict[str, int]
    allocatable: dict[str, int]


class HolderAnswer(Answer):
    """Who holds cards."""

    resource: str
    count: int
    owner: str
    replica: str
    node: str


class DeviceAnswer(Answer):
    """A card. reason: why it is not healthy."""

    id: str
    resource: str
    node: str
    healthy: bool
    reason: str


class OverviewAnswer(Answer):
    """Counts and the cluster as last seen. deployments: how many by state."""

    projects: int
    models: int
    deployments: dict[str, int]
    gauges: list[GaugeAnswer]
    nodes: list[NodeAnswer]
    holders: list[HolderAnswer]
    devices: list[DeviceAnswer]
    seen: datetime.datetime | None


class AuditAnswer(Answer):
    """Who did what."""

    at: datetime.datetime
    who: str
    deed: str
    subject: str
    detail: str
