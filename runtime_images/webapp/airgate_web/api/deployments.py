"""Deployments: wishes in, wishes with what became of them out."""

from fastapi import APIRouter

from airgate_web.api.access import Asking, AtDesk
from airgate_web.api.judged import show_warnings
from airgate_web.api.shapes.deployments import (
    DeploymentAnswer,
    DeploymentBody,
    JudgedDeploymentAnswer,
    ModelFileAnswer,
    ReplicaAnswer,
    WishBody,
)
from airgate_web.domain.amounts import MIB_A_GIB, MILLIS_A_CORE
from airgate_web.services.deployments import (
    DeploymentView,
    DeploymentWish,
    change_deployment,
    create_deployment,
    find_deployment,
    list_deployments,
    remove_deployment,
)
from airgate_web.services.desk import Desk
from airgate_web.services.fitting import judge_deployment

router = APIRouter()
BELOW = "/projects/{route}/deployments"


@router.get("/deployments")
def read_all_deployments(desk: AtDesk, _user: Asking) -> list[DeploymentAnswer]:
    """The deployments of all projects."""
    return [show_deployment(view) for view in list_deployments(desk)]


@router.get(BELOW)
def read_deployments(route: str, desk: AtDesk, _user: Asking) -> list[DeploymentAnswer]:
    """The deployments of a project by name."""
    return [show_deployment(view) for view in list_deployments(desk, route)]


@router.post(BELOW, status_code=201)
def make_deployment(route: str, body: DeploymentBody, desk: AtDesk, user: Asking) -> JudgedDeploymentAnswer:
    """Deploy a model as a web service. It may have to wait for cards; `sentence` then says for whom."""
    create_deployment(desk, user, route, body.name, read_wish(body))
    return show_judged(desk, find_deployment(desk, route, body.name))


@router.get(BELOW + "/{name}")
def read_deployment(route: str, name: str, desk: AtDesk, _user: Asking) -> JudgedDeploymentAnswer:
    """One deployment; `warnings`: what may differ in its runtime."""
    return show_judged(desk, find_deployment(desk, route, name))


@router.put(BELOW + "/{name}")
def replace_deployment(route: str, name: str, body: WishBody, desk: AtDesk, user: Asking) -> JudgedDeploymentAnswer:
    """Change version or amounts; the service goes on meanwhile where there is room for both."""
    change_deployment(desk, user, route, name, read_wish(body))
    return show_judged(desk, find_deployment(desk, route, name))


@router.delete(BELOW + "/{name}", status_code=204)
def delete_deployment(route: str, name: str, desk: AtDesk, user: Asking) -> None:
    """Stop a deployment and give back what it holds; its tokens end."""
    remove_deployment(desk, user, route, name)


def read_wish(body: WishBody) -> DeploymentWish:
    """Return the wish in a body."""
    others = [(one.model, one.version) for one in body.others]
    return DeploymentWish(**body.model_dump(exclude={"name", "others"}), others=others)


def show_judged(desk: Desk, view: DeploymentView) -> JudgedDeploymentAnswer:
    """Return a deployment with what its runtime warns of."""
    warnings = show_warnings(judge_deployment(desk, view.deployment))
    return JudgedDeploymentAnswer(**show_deployment(view).model_dump(), warnings=warnings)


def show_deployment(view: DeploymentView) -> DeploymentAnswer:
    """Return a deployment without its gate secret."""
    wish, status = view.deployment, view.status
    return DeploymentAnswer(
        project=wish.route,
        name=wish.name,
        path=view.path,
        model=ModelFileAnswer.model_validate(wish.model) if wish.model else None,
        others=[ModelFileAnswer.model_validate(model) for model in wish.others],
        runtime=wish.runtime,
        arguments=list(wish.server.extra) if wish.server else [],
        cpu=wish.amounts.cpu_millis / MILLIS_A_CORE,
        memory=wish.amounts.memory_mib / MIB_A_GIB,
        accelerators=wish.amounts.accelerators,
        resource=wish.amounts.resource,
        replicas=wish.replicas,
        timeout=wish.timeouts.request_s,
        idle_timeout=wish.timeouts.idle_s,
        generation=wish.generation,
        state=view.state,
        sentence=view.sentence,
        notice=status.notice if status else "",
        ready=status.ready if status else 0,
        running=[ReplicaAnswer.model_validate(replica) for replica in (status.replicas if status else ())],
        created=wish.created,
        created_by=wish.created_by,
    )
