"""Rows to domain objects, and the columns of domain objects. Pure."""

from typing import Any

from sqlalchemy import Row

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.dataset import DataSet
from airgate_web.domain.deployment import Deployment, Token
from airgate_web.domain.model import ModelVersion, Permit, Signature
from airgate_web.domain.plain import make_plain, read_plain
from airgate_web.domain.project import Project
from airgate_web.domain.runtime import Runtime, RuntimeKind
from airgate_web.domain.server import Server
from airgate_web.domain.timeouts import Timeouts
from airgate_web.domain.user import Role, User
from airgate_web.domain.workload import ModelFile

AnyRow = Row[Any]


def read_user(row: AnyRow) -> User:
    """Return the user of a row of `users`."""
    return User(row.name, Role(row.role), row.password_hash, row.created)


def read_project(row: AnyRow) -> Project:
    """Return the project of a row of `projects`."""
    return Project(row.id, row.name, row.route, row.description, row.created, row.created_by)


def read_version(row: AnyRow) -> ModelVersion:
    """Return the version of a row of `versions` joined with its project's `route`."""
    return ModelVersion(
        project=row.route,
        model=row.model,
        version=row.version,
        format=row.format,
        filename=row.filename,
        digest=row.digest,
        size=row.size,
        signature=read_plain(Signature, row.signature),
        task=row.task,
        libraries=dict(row.libraries),
        created=row.created,
        created_by=row.created_by,
        description=row.description,
        path=row.path,
        sample=row.sample,
        permit=read_plain(Permit | None, row.permit),
    )


def write_version(version: ModelVersion) -> dict[str, Any]:
    """Return the columns of a version, without its project and number."""
    columns = make_plain(version)
    del columns["project"], columns["version"]
    return {**columns, "created": version.created}


def read_dataset(row: AnyRow) -> DataSet:
    """Return the data set of a row of `datasets` joined with its project's `route`."""
    return DataSet(
        row.route, row.name, row.filename, row.digest, row.size, row.created, row.created_by, row.description
    )


def write_dataset(dataset: DataSet) -> dict[str, Any]:
    """Return the columns of a data set, without its project."""
    columns = make_plain(dataset)
    del columns["project"]
    return {**columns, "created": dataset.created}


def read_runtime(row: AnyRow) -> Runtime:
    """Return the runtime of a row of `runtimes`."""
    kind = RuntimeKind(row.kind)
    server = read_plain(Server | None, row.server)
    cards = None if row.cards is None else tuple(row.cards)
    return Runtime(
        row.slug, row.name, kind, row.language, row.image, tuple(row.formats), row.description, server, cards
    )


def read_deployment(row: AnyRow) -> Deployment:
    """Return the deployment of a row of `deployments` joined with its project's `route`."""
    return Deployment(
        id=row.id,
        route=row.route,
        name=row.name,
        model=read_plain(ModelFile | None, row.model),
        runtime=row.runtime,
        image=row.image,
        amounts=read_plain(Amounts, row.amounts),
        replicas=row.replicas,
        generation=row.generation,
        created=row.created,
        created_by=row.created_by,
        gate_secret=row.gate_secret,
        timeouts=read_plain(Timeouts, row.timeouts),
        others=read_plain(tuple[ModelFile, ...], row.others),
        server=read_plain(Server | None, row.server),
    )


def write_deployment(deployment: Deployment) -> dict[str, Any]:
    """Return the columns of a wish that a change may replace."""
    return {
        "model": make_plain(deployment.model),
        "digest": deployment.model.digest if deployment.model else "",
        "runtime": deployment.runtime,
        "image": deployment.image,
        "amounts": make_plain(deployment.amounts),
        "replicas": deployment.replicas,
        "gate_secret": deployment.gate_secret,
        "timeouts": make_plain(deployment.timeouts),
        "others": make_plain(deployment.others),
        "server": make_plain(deployment.server),
    }


def read_token(row: AnyRow) -> Token:
    """Return the token of a row of `tokens`."""
    return Token(row.id, row.deployment_id, row.note, row.created, row.created_by, row.expires, row.revoked)
