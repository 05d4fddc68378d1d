"""Home: how much there is, what is free, and what was worked on last."""

from dataclasses import dataclass

from airgate_web.domain.job import JobState
from airgate_web.domain.workload import ReplicaState
from airgate_web.services.deployments import list_deployments
from airgate_web.services.desk import Desk
from airgate_web.services.jobs import list_lately_failed
from airgate_web.services.overview import Gauge, find_overview
from airgate_web.ui.deployment import find_page
from airgate_web.ui.frame import frame
from airgate_web.ui.gauges import show_gauge
from airgate_web.ui.head import show_head
from airgate_web.ui.jobs import find_job_page, write_job
from airgate_web.ui.live import LivePlace
from airgate_web.ui.parts import box, make_link, show_attention, show_html, show_stat
from airgate_web.ui.projects import ProjectSight, find_projects, show_projects
from airgate_web.ui.visit import Visit

RECENT = 5  # projects
GIB = 1024  # MiB
SHOWN = (JobState.RUNNING, JobState.WAITING, JobState.FAILED)  # of jobs


@dataclass(frozen=True, slots=True)
class HomeSight:
    """What Home shows. troubles: (sentence, page) of what is Failed or Waiting. jobs: how many by state."""

    projects: tuple[ProjectSight, ...]
    models: int
    deployments: int
    ready: int
    jobs: dict[str, int]
    gauges: tuple[Gauge, ...]
    cpu: tuple[int, int]
    memory: tuple[int, int]
    nodes: int
    ready_nodes: int
    troubles: tuple[tuple[str, str], ...]


async def draw_home(visit: Visit) -> None:
    """Draw Home."""
    sight = await visit.ask(find_home, visit.desk)
    with frame(visit, "Home", (("Home", ""),)):
        show_head("Home")
        LivePlace(visit, sight, lambda: find_home(visit.desk), show_home)


def find_home(desk: Desk) -> HomeSight:
    """Return what Home shows now."""
    overview = find_overview(desk)
    return HomeSight(
        projects=tuple(sorted(find_projects(desk), key=lambda one: one.created, reverse=True)),
        models=overview.models,
        deployments=sum(overview.deployments.values()),
        ready=overview.deployments.get(ReplicaState.READY.value, 0),
        jobs=overview.jobs,
        gauges=overview.gauges,
        cpu=overview.cpu,
        memory=overview.memory,
        nodes=len(overview.nodes),
        ready_nodes=sum(node.ready for node in overview.nodes),
        troubles=(*find_stuck(desk), *find_failed(desk)),
    )


def find_stuck(desk: Desk) -> list[tuple[str, str]]:
    """Return why each deployment that failed or waits does so, with its page."""
    stuck = (ReplicaState.FAILED, ReplicaState.WAITING)
    views = [view for view in list_deployments(desk) if view.status and view.state in stuck]
    return [(f"{view.deployment.name}: {view.sentence}", find_page(view.deployment.owner)) for view in views]


def find_failed(desk: Desk) -> list[tuple[str, str]]:
    """Return why each job that failed lately did so, with its page. One that waits is no trouble: its turn comes."""
    return [
        (f"{write_job(one.job)} failed: {one.sentence}", find_job_page(one.job)) for one in list_lately_failed(desk)
    ]


def show_home(sight: HomeSight) -> None:
    """Draw what needs attention, then figures, then projects."""
    for sentence, page in sight.troubles:
        show_attention(sentence, make_link("Open it", page))
    with box("tiles"):
        show_stat("Projects", str(len(sight.projects)), "", "/projects")
        show_stat("Models", str(sight.models))
        show_stat("Deployments", str(sight.deployments), f"{sight.ready} ready" if sight.deployments else "")
        show_stat("Jobs", str(sum(sight.jobs.values())), write_jobs(sight.jobs))
        show_stat("Nodes", str(sight.nodes), f"{sight.ready_nodes} ready" if sight.nodes else "", "/nodes")
    with box("tiles"):
        for gauge in sight.gauges:
            show_gauge(gauge, "/accelerators")
        show_share("CPU", sight.cpu, 1000, "cores")
        show_share("Memory", sight.memory, GIB, "GiB")
    show_projects(sight.projects[:RECENT], "Recent projects")


def write_jobs(jobs: dict[str, int]) -> str:
    """Return how many jobs are in a state that somebody watches: "2 running, 1 failed"."""
    return ", ".join(f"{jobs[state.value]} {state.value.lower()}" for state in SHOWN if state.value in jobs)


def show_share(label: str, share: tuple[int, int], unit: int, word: str) -> None:
    """Draw how much of the nodes the deployments ask for, once a node was seen."""
    asked, total = share
    if not total:
        return
    percent = min(100.0, 100.0 * asked / total)
    with box("card stat"):
        show_html(
            f'<span class="mute">{label} asked for</span><b>{asked / unit:g} of {total / unit:.3g} {word}</b>'
            f'<div class="meter" style="margin-top:6px"><i style="width:{percent:.1f}%"></i></div>'
        )
