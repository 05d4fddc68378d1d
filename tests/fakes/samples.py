"""Small valid domain objects, so that a test says only what matters to it."""

import datetime
from typing import Any

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.dataset import DataSet
from airgate_web.domain.deployment import Deployment, DeploymentStatus, Token
from airgate_web.domain.job import Job, JobReport
from airgate_web.domain.model import Function, ModelVersion, Signature, TensorSpec
from airgate_web.domain.project import Project
from airgate_web.domain.reach import GatewayReport
from airgate_web.domain.runtime import Runtime, RuntimeKind
from airgate_web.domain.task import DataFile, Task, TaskKind
from airgate_web.domain.user import Role, User
from airgate_web.domain.workload import (
    Address,
    DeviceFacts,
    Holder,
    Kind,
    ModelFile,
    NodeFacts,
    Observation,
    Replica,
    ReplicaState,
    WorkloadFacts,
)

NOON = datetime.datetime(2030, 1, 2, 12, 0, 0, 123456, tzinfo=datetime.UTC)
DIGEST = "sha256:" + "ab" * 32
SIGNATURE = Signature(
    inputs=(
        TensorSpec("width", "FP64", (-1,), sample=[5.1], values=()),
        TensorSpec("colour", "BYTES", (-1,), sample=["red"], values=("red", "green")),
    ),
    outputs=(TensorSpec("PredictedValue", "INT64", (-1,)),),
)
PLACE = TensorSpec("place", "FP32", (-1, 2))
SCRIPT = Signature((), (), further=(Function("explain"), Function("count")))
TOWERS = Signature(  # a SavedModel of which no signature is meant where none is named
    (),
    (),
    further=(
        Function("encode item", (TensorSpec("item", "INT64", (-1,), [7]),), (PLACE,)),
        Function("encode_user", (TensorSpec("user", "BYTES", (-1,), ["ada"]),), (PLACE,)),
    ),
    has_predict=False,
)


def make_user(name: str = "ada", **changes: Any) -> User:
    """Return an admin."""
    return User(**({"name": name, "role": Role.ADMIN, "password_hash": "$argon2id$x", "created": NOON} | changes))


def make_project(route: str = "qc", **changes: Any) -> Project:
    """Return a project."""
    fields = {"id": 0, "name": "Quality", "route": route, "description": "", "created": NOON, "created_by": "ada"}
    return Project(**(fields | changes))


def make_version(route: str = "qc", model: str = "digits", **changes: Any) -> ModelVersion:
    """Return a version; its size is more than 32 bits hold."""
    fields = {
        "project": route,
        "model": model,
        "version": 0,
        "format": "onnx",
        "filename": "digits.onnx",
        "digest": DIGEST,
        "size": 5_000_000_000,
        "signature": SIGNATURE,
        "task": "classification",
        "libraries": {"onnx": "1.19"},
        "created": NOON,
        "created_by": "ada",
    }
    return ModelVersion(**(fields | changes))


def make_dataset(route: str = "qc", name: str = "iris", **changes: Any) -> DataSet:
    """Return a data set of three gigabytes."""
    fields = {
        "project": route,
        "name": name,
        "filename": "iris.csv",
        "digest": "sha256:" + "cd" * 32,
        "size": 3_000_000_000,
        "created": NOON,
        "created_by": "ada",
        "description": "",
    }
    return DataSet(**(fields | changes))


def make_runtime(slug: str = "python", **changes: Any) -> Runtime:
    """Return a runtime."""
    fields = {
        "slug": slug,
        "name": slug.title(),
        "kind": RuntimeKind.ENVIRONMENT,
        "language": "Python 3.11",
        "image": "",
        "formats": ("onnx", "sklearn"),
    }
    return Runtime(**(fields | changes))


def make_deployment(route: str = "qc", name: str = "live", **changes: Any) -> Deployment:
    """Return a wish for two replicas with one card each."""
    fields = {
        "id": 0,
        "route": route,
        "name": name,
        "model": ModelFile("digits", 1, "onnx", "digits.onnx", DIGEST, 5_000_000_000),
        "runtime": "python",
        "image": "",
        "amounts": Amounts(500, 512, 1, "qualcomm.com/qaic"),
        "replicas": 2,
        "generation": 0,
        "created": NOON,
        "created_by": "ada",
        "gate_secret": "s" * 32,
    }
    return Deployment(**(fields | changes))


def make_status(**changes: Any) -> DeploymentStatus:
    """Return the status of a deployment that is ready."""
    replica = Replica("live-1", ReplicaState.READY, "d" * 64, "n1", ("qaic0",), "", 1, NOON, "CPU")
    fields = {
        "state": ReplicaState.READY,
        "generation": 1,
        "ready": 1,
        "wanted": 1,
        "notice": "A card is held but not used.",
        "replicas": (replica,),
        "addresses": (Address("127.0.0.1", 20001, 20002),),
        "updated": NOON,
    }
    return DeploymentStatus(**(fields | changes))


def make_report(gateway: str = "airgate-gateway-0", **changes: Any) -> GatewayReport:
    """Return the report of a gateway that reaches one deployment."""
    fields = {"gateway": gateway, "snapshot": "a" * 64, "reached": {"qc/live": ("127.0.0.1:20001",)}, "reported": NOON}
    return GatewayReport(**(fields | changes))


def make_token(deployment_id: int, token_id: str = "t1", **changes: Any) -> Token:
    """Return a token for 90 days."""
    fields = {
        "id": token_id,
        "deployment_id": deployment_id,
        "note": "line 3",
        "created": NOON,
        "created_by": "ada",
        "expires": NOON + datetime.timedelta(days=90),
    }
    return Token(**(fields | changes))


def make_job(route: str = "qc", **changes: Any) -> Job:
    """Return a wish for predictions of a data set."""
    fields = {
        "id": 0,
        "route": route,
        "model": ModelFile("digits", 1, "onnx", "digits.onnx", DIGEST, 5_000_000_000),
        "dataset": "iris",
        "data": DataFile("iris.csv", "csv", "sha256:" + "cd" * 32, 3_000_000_000),
        "task": Task(TaskKind.BATCH, keep=("id", "Zähler"), chunk=500),
        "runtime": "ai-worker-python-3-11",
        "image": "",
        "amounts": Amounts(500, 512),
        "created": NOON,
        "created_by": "ada",
    }
    return Job(**(fields | changes))


def make_job_report(**changes: Any) -> JobReport:
    """Return the word of a job that is half through."""
    fields = {"started": NOON, "reported": NOON + datetime.timedelta(seconds=5), "rows": 500, "of": 1000}
    return JobReport(**(fields | changes))


def make_node(name: str = "n1", **changes: Any) -> NodeFacts:
    """Return a node of all classes with four cards."""
    fields = {
        "name": name,
        "ready": True,
        "classes": ("control", "compute", "deploy"),
        "cpu_millis": 8000,
        "memory_mib": 16384,
        "capacity": {"qualcomm.com/qaic": 4},
        "allocatable": {"qualcomm.com/qaic": 4},
    }
    return NodeFacts(**(fields | changes))


def make_observation(**changes: Any) -> Observation:
    """Return an observation of one node of which somebody holds one card."""
    facts = WorkloadFacts("d-qc-live-1", Kind.SERVICE, "d" * 64, (), (Address("h", 1, 2),))
    fields = {
        "workloads": (facts,),
        "nodes": (make_node(),),
        "holders": (Holder("qualcomm.com/qaic", 1, "qc/live", "live-1", "n1", NOON),),
        "devices": (DeviceFacts("qaic0", "qualcomm.com/qaic", "n1", healthy=True),),
    }
    return Observation(**(fields | changes))
