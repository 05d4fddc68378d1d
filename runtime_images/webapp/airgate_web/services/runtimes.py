"""Runtimes: in what environment a model is tested and deployed, and what worker runs its jobs."""

from collections.abc import Sequence

from airgate_kit import names
from airgate_web.domain.errors import Invalid
from airgate_web.domain.model import ModelVersion
from airgate_web.domain.runtime import Runtime, RuntimeKind
from airgate_web.services.desk import Desk

LANGUAGE = "Python 3.11"
DEFAULT_SLUG, WORKER_SLUG = "ai-environment-python-3-11", "ai-worker-python-3-11"
DEFAULTS = {
    RuntimeKind.ENVIRONMENT: (DEFAULT_SLUG, f"AI environment with {LANGUAGE}"),
    RuntimeKind.WORKER: (WORKER_SLUG, f"AI worker with {LANGUAGE}"),
}


def put_default_runtimes(desk: Desk, image: str) -> None:
    """Keep the runtimes that come with the appliance. image: of the serving runtime; not used by local processes."""
    for kind, (slug, name) in DEFAULTS.items():
        desk.store.put_runtime(
            Runtime(
                slug=slug,
                name=name,
                kind=kind,
                language=LANGUAGE,
                image=image,
                formats=names.FORMATS,
                description="ONNX Runtime, scikit-learn, XGBoost, LightGBM and PMML on the CPU.",
                cards=(),
            )
        )


def put_runtimes(desk: Desk, runtimes: Sequence[Runtime]) -> None:
    """Keep the runtimes that a site offers, each in place of one with its slug; those not named any more stay known."""
    for runtime in runtimes:
        desk.store.put_runtime(runtime)


def list_runtimes(desk: Desk, kind: RuntimeKind | None = None) -> Sequence[Runtime]:
    """Return all runtimes, or those of one kind, by name."""
    return [runtime for runtime in desk.store.list_runtimes() if kind in (None, runtime.kind)]


def find_runtime(desk: Desk, slug: str = "") -> Runtime:
    """Return the environment of that slug or name, the first one when none is said; Invalid with those there are."""
    found = list_runtimes(desk, RuntimeKind.ENVIRONMENT)
    for runtime in found:
        if slug in ("", runtime.slug, runtime.name):
            return runtime
    known = ", ".join(f"'{runtime.slug}'" for runtime in found) or "none"
    raise Invalid(f"There is no runtime '{slug}'; there is: {known}.", "Choose one of these.")


def find_worker(desk: Desk, version: ModelVersion, slug: str = "") -> Runtime:
    """Return the worker that runs jobs of `version`: the one of that slug or name, or the first; Invalid otherwise."""
    workers = [one for one in list_runtimes(desk, RuntimeKind.WORKER) if version.format in one.formats]
    for runtime in workers:
        if slug in ("", runtime.slug, runtime.name):
            return runtime
    known = ", ".join(f"'{runtime.slug}'" for runtime in workers)
    asked = f"There is no worker '{slug}' that runs" if slug else "No worker runs"
    hint = f"Choose {known}." if known else "Ask whoever runs the appliance for a runtime of the kind worker with it."
    raise Invalid(f"{asked} the format {version.format}.", hint)


def list_servers(desk: Desk) -> Sequence[Runtime]:
    """Return the servers that can be deployed without a model, by name."""
    found = list_runtimes(desk, RuntimeKind.SERVER)
    return [one for one in found if one.server and not one.server.takes_model]


def find_server(desk: Desk, slug: str) -> Runtime:
    """Return the server of that slug or name, for a deployment without a model; Invalid when there is none."""
    servers = list_servers(desk)
    for runtime in servers:
        if slug in (runtime.slug, runtime.name):
            return runtime
    names = ", ".join(f"'{runtime.slug}'" for runtime in servers)
    raise Invalid(
        "No model is named, and the runtime brings none of its own.",
        f"Name a model, or one of the servers: {names}." if names else "Name a model.",
    )


def find_serving_runtime(desk: Desk, version: ModelVersion, slug: str = "") -> Runtime:
    """Return a runtime that can serve `version`, be it somebody else's server; Invalid as find_fitting_runtime."""
    fitting = [one for one in list_runtimes(desk, RuntimeKind.SERVER) if version.format in one.formats]
    usual = [one for one in list_runtimes(desk, RuntimeKind.ENVIRONMENT) if version.format in one.formats]
    for runtime in fitting:
        if slug in (runtime.slug, runtime.name) or not (slug or usual):
            return runtime
    return find_fitting_runtime(desk, version, slug)


def find_fitting_runtime(desk: Desk, version: ModelVersion, slug: str = "") -> Runtime:
    """Return a runtime that can run `version`: the one of that slug, or the first that fits; Invalid otherwise."""
    fitting = [one for one in list_runtimes(desk, RuntimeKind.ENVIRONMENT) if version.format in one.formats]
    if not slug and fitting:
        return fitting[0]
    chosen = find_runtime(desk, slug)
    if chosen in fitting:
        return chosen
    names = ", ".join(f"'{runtime.name}'" for runtime in fitting)
    raise Invalid(
        f"The runtime '{chosen.name}' cannot run the format {version.format}, only {', '.join(chosen.formats)}.",
        f"Choose {names}." if names else "Import the model in one of these formats.",
    )
