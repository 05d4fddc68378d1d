"""What a deployment may be made of, and what its form begins with."""

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from airgate_web.domain.deployment import Deployment
from airgate_web.domain.errors import NotFound
from airgate_web.domain.model import Model, ModelVersion
from airgate_web.domain.runtime import Runtime, RuntimeKind
from airgate_web.domain.timeouts import REQUEST_S
from airgate_web.services.deployments import list_deployments
from airgate_web.services.desk import Desk
from airgate_web.services.models import list_models, list_versions
from airgate_web.services.overview import Overview, find_overview
from airgate_web.services.runtimes import list_runtimes

NO_MODEL = "None: the server brings its own"


@dataclass(frozen=True, slots=True)
class Choices:
    """What a deployment of a project may be made of. taken: names that are in use."""

    models: tuple[Model, ...]
    versions: dict[str, tuple[ModelVersion, ...]]
    runtimes: tuple[Runtime, ...]
    overview: Overview
    taken: frozenset[str]

    def name_models(self) -> dict[str, str]:
        """Return the models by name, and none of them where a server brings its own."""
        own = any(one.server and not one.server.takes_model for one in self.runtimes)
        return {model.name: model.name for model in self.models} | ({"": NO_MODEL} if own else {})

    def name_versions(self, model: str) -> dict[int, str]:
        """Return what a model's versions are called by their numbers, the newest first."""
        newest, *older = self.versions.get(model) or (None,)
        found = {newest.version: f"v{newest.version} · newest"} if newest else {}
        return found | {one.version: f"v{one.version}" for one in older if one}

    def find_version(self, model: str, number: int | None) -> ModelVersion | None:
        """Return a version of a model."""
        return next((one for one in self.versions.get(model, ()) if one.version == number), None)

    def find_runtime(self, slug: str) -> Runtime | None:
        """Return the runtime of that slug."""
        return next((one for one in self.runtimes if one.slug == slug), None)


@dataclass(frozen=True, slots=True)
class Start:
    """What the form begins with."""

    name: str
    model: str  # empty for a server that brings its own
    version: int | None
    runtime: str = ""
    cpu: str = "1"
    memory: str = "1"
    accelerators: int = 0
    resource: str = ""
    replicas: int = 1
    arguments: str = ""
    others: tuple[str, ...] = ()
    versions: dict[str, int] = field(default_factory=dict)  # of the others that are deployed
    timeout: int = REQUEST_S
    idle_timeout: int = 0
    fixed: bool = False  # the name stays: an existing deployment is changed


def find_choices(desk: Desk, route: str) -> Choices:
    """Return what there is to choose from; NotFound when there is no such project."""
    models = tuple(list_models(desk, route))
    return Choices(
        models,
        {model.name: tuple(list_versions(desk, route, model.name)) for model in models},
        tuple(one for one in list_runtimes(desk) if one.kind is not RuntimeKind.WORKER),
        find_overview(desk),
        frozenset(view.deployment.name for view in list_deployments(desk, route)),
    )


def choose_start(choices: Choices, query: Mapping[str, str]) -> Start:
    """Return what a new deployment's form begins with; NotFound when the project has no such version."""
    server = next((one for one in choices.runtimes if one.server and one.slug == query.get("runtime")), None)
    if server and "model" not in query:
        return Start(choose_name(server.slug, choices.taken), "", None, server.slug)
    model = query.get("model") or next((one.name for one in choices.models), "")
    versions = choices.versions.get(model, ())
    wanted = query.get("version") or "latest"
    version = next((one for one in versions if wanted in ("latest", str(one.version))), None)
    if version is None:
        raise NotFound("There is no such version to deploy.", "Upload a model into this project first.")
    fitting = next((one.slug for one in choices.runtimes if version.format in one.formats), "")
    return Start(choose_name(model, choices.taken), model, version.version, fitting)


def find_start(deployment: Deployment) -> Start:
    """Return the form's start for changing a deployment."""
    amounts = deployment.amounts
    return Start(
        name=deployment.name,
        model=deployment.model.name if deployment.model else "",
        version=deployment.model.version if deployment.model else None,
        runtime=deployment.runtime,
        cpu=f"{amounts.cpu_millis / 1000:g}",
        memory=f"{amounts.memory_mib / 1024:g}",
        accelerators=amounts.accelerators,
        resource=amounts.resource,
        replicas=deployment.replicas,
        arguments=shlex.join(deployment.server.extra) if deployment.server else "",
        others=tuple(model.name for model in deployment.others),
        versions={model.name: model.version for model in deployment.others},
        timeout=deployment.timeouts.request_s,
        idle_timeout=deployment.timeouts.idle_s,
        fixed=True,
    )


def choose_name(model: str, taken: Collection[str]) -> str:
    """Return a free name for a deployment of `model`."""
    if model not in taken:
        return model
    return next(name for name in (f"{model}-{number}" for number in range(2, len(taken) + 3)) if name not in taken)
