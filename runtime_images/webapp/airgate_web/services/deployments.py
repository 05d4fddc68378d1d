"""Deployments: wishing for one, changing and removing it, and looking at what became of it."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from airgate_web.domain.amounts import REPLICAS_MAX, Amounts, read_amounts, read_whole
from airgate_web.domain.deployment import Deployment, DeploymentStatus
from airgate_web.domain.errors import Invalid, NotFound
from airgate_web.domain.explain import explain_impossible
from airgate_web.domain.model import ModelVersion
from airgate_web.domain.names import read_route
from airgate_web.domain.reach import GatewayReport, judge_reach
from airgate_web.domain.runtime import Runtime
from airgate_web.domain.secrets import GATE_BYTES
from airgate_web.domain.server import MODEL, Server, read_words
from airgate_web.domain.timeouts import REQUEST_S, Timeouts, read_timeouts
from airgate_web.domain.user import User
from airgate_web.domain.workload import Kind, ModelFile, Observation, ReplicaState
from airgate_web.services.desk import Desk
from airgate_web.services.fitting import Caution, require_readable
from airgate_web.services.models import LATEST, find_version
from airgate_web.services.projects import find_project
from airgate_web.services.runtimes import find_server, find_serving_runtime
from airgate_web.services.scanning import require_allowed

OTHERS_MAX = 31  # models beside the first


@dataclass(frozen=True, slots=True)
class DeploymentWish:
    """What a person asks for, as written; numbers may still be text.

    cpu: cores. memory: GiB. accelerators: whole cards of `resource`. runtime: slug or name, one that fits when empty.
    timeout, idle_timeout: seconds, see Timeouts. model: empty for a server that brings its own. arguments: of such a
    server, a list of words or a line. others: names of further models for the same cards, or (name, version).
    """

    model: str = ""
    version: str | int = LATEST
    runtime: str = ""
    cpu: object = 1
    memory: object = 1
    accelerators: object = 0
    resource: str = ""
    replicas: object = 1
    timeout: object = REQUEST_S
    idle_timeout: object = 0
    arguments: object = ()
    others: Sequence[str | tuple[str, str | int]] = ()


@dataclass(frozen=True, slots=True)
class CheckedWish:
    """A wish of which everything exists."""

    model: ModelFile | None
    runtime: Runtime
    amounts: Amounts
    replicas: int
    timeouts: Timeouts
    server: Server | None
    others: tuple[ModelFile, ...]
    cautions: tuple[Caution, ...]  # what its runtime warns of


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A wish and what became of it, the gateway included; status is None until the reconciler has seen it."""

    deployment: Deployment
    status: DeploymentStatus | None

    @property
    def state(self) -> ReplicaState:
        """The state of the whole."""
        return self.status.state if self.status else ReplicaState.WAITING

    @property
    def sentence(self) -> str:
        """Why it is not Ready; empty when it is."""
        return self.status.sentence if self.status else "Waits for the reconciler to see it."

    @property
    def path(self) -> str:
        """Where the gateway serves predict, beside its further functions; of a server, what its own paths follow."""
        one = self.deployment
        return find_base_path(one.route, one.name) if one.server else find_predict_path(one.route, one.name)


def find_predict_path(route: str, name: str) -> str:
    """Return the path of a deployment's predict function behind the gateway."""
    return f"{find_base_path(route, name)}/predict"


def find_base_path(route: str, name: str) -> str:
    """Return the path behind the gateway that every path of a deployment's server follows."""
    return f"/api/v1/svc/{route}/{name}"


def create_deployment(desk: Desk, user: User, route: str, name: str, wish: DeploymentWish) -> Deployment:
    """Wish for a deployment and return it; Invalid, NotFound or Conflict, each with one sentence.

    Asking for more than is free is allowed: it waits and says for whom. Asking for more than any node has is not.
    """
    find_project(desk, route)
    read_route("Deployment name", name)
    checked = read_wish(desk, route, wish)
    made = Deployment(
        id=0,
        route=route,
        name=name,
        model=checked.model,
        runtime=checked.runtime.slug,
        image=checked.runtime.image,
        amounts=checked.amounts,
        replicas=checked.replicas,
        generation=0,
        created=desk.clock.now(),
        created_by=user.name,
        gate_secret=desk.random(GATE_BYTES).hex(),
        timeouts=checked.timeouts,
        server=checked.server,
        others=checked.others,
    )
    kept = desk.store.add_deployment(made)
    desk.note(user, "create", f"deployment {kept.owner}", describe(kept))
    return kept


def change_deployment(desk: Desk, user: User, route: str, name: str, wish: DeploymentWish) -> Deployment:
    """Replace the wish and return it; the same wish again changes nothing. Refused like `create_deployment`."""
    now = find_deployment(desk, route, name).deployment
    checked = read_wish(desk, route, wish)
    wanted = dataclasses.replace(
        now,
        model=checked.model,
        runtime=checked.runtime.slug,
        image=checked.runtime.image,
        amounts=checked.amounts,
        replicas=checked.replicas,
        timeouts=checked.timeouts,
        server=checked.server,
        others=checked.others,
    )
    if wanted == now:
        return now
    kept = desk.store.change_deployment(wanted)
    desk.note(user, "change", f"deployment {kept.owner}", describe(kept))
    return kept


def remove_deployment(desk: Desk, user: User, route: str, name: str) -> None:
    """Remove a deployment and revoke its tokens; NotFound when there is none."""
    kept = find_deployment(desk, route, name).deployment
    desk.store.remove_deployment(route, name, desk.clock.now())
    desk.note(user, "remove", f"deployment {kept.owner}")


def list_deployments(desk: Desk, route: str | None = None) -> Sequence[DeploymentView]:
    """Return the deployments of a project, or all, with what became of them."""
    if route is not None:
        find_project(desk, route)
    reports = desk.store.list_reports()
    return [make_view(desk, kept, reports) for kept in desk.store.list_deployments(route)]


def find_deployment(desk: Desk, route: str, name: str) -> DeploymentView:
    """Return a deployment with what became of it; NotFound when there is none."""
    kept = desk.store.find_deployment(route, name)
    if kept is None:
        find_project(desk, route)
        raise NotFound(f"There is no deployment '{name}' in project '{route}'.", "Choose one of its deployments.")
    return make_view(desk, kept, desk.store.list_reports())


def make_view(desk: Desk, kept: Deployment, reports: Sequence[GatewayReport]) -> DeploymentView:
    """Return a wish with what the reconciler wrote of it, judged by what the gateways reported."""
    status = desk.store.find_status(kept.id)
    return DeploymentView(kept, status and judge_reach(kept, status, reports, desk.clock.now()))


def read_wish(desk: Desk, route: str, wish: DeploymentWish) -> CheckedWish:
    """Return a wish with everything in it found and in range; raise a Refusal otherwise."""
    version = find_version(desk, route, wish.model, wish.version) if wish.model else None
    runtime = find_serving_runtime(desk, version, wish.runtime) if version else find_server(desk, wish.runtime)
    server = read_own_server(runtime, wish.arguments)
    require_model(desk, version, server)
    others = read_others(desk, route, wish, runtime)
    models = [each for each in (version, *others) if each]
    require_all_allowed(models)
    cautions = tuple(one for each in models for one in require_readable(desk, each, runtime))
    amounts = read_amounts(wish.cpu, wish.memory, wish.accelerators, wish.resource)
    require_possible(desk, amounts)
    replicas = read_whole("Replicas", wish.replicas, 1, REPLICAS_MAX)
    timeouts = read_timeouts(wish.timeout, wish.idle_timeout)
    return CheckedWish(
        model=find_file(version) if version else None,
        runtime=runtime,
        amounts=amounts,
        replicas=replicas,
        timeouts=timeouts,
        server=server,
        others=tuple(find_file(other) for other in others),
        cautions=cautions,
    )


def read_others(desk: Desk, route: str, wish: DeploymentWish, runtime: Runtime) -> tuple[ModelVersion, ...]:
    """Return the further models of a wish; Invalid when the runtime cannot serve one beside the first, or twice."""
    if wish.others and runtime.server:
        raise Invalid(f"The server '{runtime.name}' serves one model.", "Make a deployment for each.")
    found: list[ModelVersion] = []
    for one in wish.others:
        name, version = (one, LATEST) if isinstance(one, str) else one
        if name in (wish.model, *(kept.model for kept in found)):
            raise Invalid(f"The model '{name}' is named twice.", "Name each once: it is called by its name.")
        kept = find_version(desk, route, name, version)
        find_serving_runtime(desk, kept, runtime.slug)
        found.append(kept)
    if len(found) > OTHERS_MAX:
        raise Invalid(f"Beside the first there are {len(found)} models, {OTHERS_MAX} fit.", "Make two deployments.")
    return tuple(found)


def require_all_allowed(models: Sequence[ModelVersion]) -> None:
    """Raise Invalid for a model whose permit was withdrawn, or that would share its process though it has one."""
    for version in models:
        require_allowed(version)
        if version.override and len(models) > 1:
            raise Invalid(
                f"The model '{version.model}' was allowed past the scanner, so it is served alone: it could change the "
                "others in its process.",
                "Make a deployment for each.",
            )


def require_model(desk: Desk, version: ModelVersion | None, server: Server | None) -> None:
    """Raise Invalid when a server would not be told of its model, or a folder is no longer what it was."""
    if version and server and not server.takes_model:
        raise Invalid("The server is not told of its model.", f"Write {MODEL} into its arguments.")
    if version and version.path:
        desk.folders.measure(version.path, version.digest)


def read_own_server(runtime: Runtime, arguments: object) -> Server | None:
    """Return a runtime's server with a deployment's own arguments; Invalid when the runtime takes none."""
    words = read_words("Arguments", arguments)
    if runtime.server:
        return dataclasses.replace(runtime.server, extra=words)
    if words:
        raise Invalid(f"The runtime '{runtime.name}' takes no arguments.", "Leave them out, or choose a server.")
    return None


def require_possible(desk: Desk, amounts: Amounts) -> None:
    """Raise Invalid when no node that was last seen could ever hold one replica."""
    seen = desk.store.find_observation()
    sentence, hint = explain_impossible(Kind.SERVICE, amounts, seen[0] if seen else Observation())
    if sentence:
        raise Invalid(sentence, hint)


def find_file(version: ModelVersion) -> ModelFile:
    """Return what a service must fetch to serve a version."""
    return ModelFile(
        name=version.model,
        version=version.version,
        format=version.format,
        filename=version.filename,
        digest=version.digest,
        size=version.size,
        path=version.path,
        override=version.override,
    )


def describe(deployment: Deployment) -> str:
    """Return a wish in a few words, for the audit."""
    amounts = deployment.amounts
    cards = f", {amounts.accelerators} {amounts.resource}" if amounts.accelerators else ""
    return (
        f"{deployment.what}, {amounts.cpu_millis}m cores, "
        f"{amounts.memory_mib} MiB{cards}, {deployment.replicas} replicas"
    )
