"""Whether a runtime's libraries can read a model: asked of the runtime itself, before a replica tries and fails.

A runtime whose tester does not answer is not waited for: what it cannot read it will say when it opens the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from airgate_web.domain.deployment import Deployment
from airgate_web.domain.errors import BadModel, DangerousModel, Invalid, Unavailable
from airgate_web.domain.model import ModelVersion
from airgate_web.domain.runtime import Runtime, RuntimeKind
from airgate_web.ports import Fit, Inspection
from airgate_web.services.desk import Desk
from airgate_web.services.runtimes import find_runtime, list_runtimes


@dataclass(frozen=True, slots=True)
class Caution:
    """What a person should know before a version is opened in a runtime. model: its name. hint: what to do."""

    runtime: Runtime
    model: str
    sentence: str
    hint: str


def require_readable(desk: Desk, version: ModelVersion, runtime: Runtime) -> tuple[Caution, ...]:
    """Return what a runtime warns of; raise Invalid, naming the runtime that fits, when it is too old for a model."""
    fit = ask_about(desk, version, runtime)
    if fit.refusal:
        readers = find_readers(desk, version.libraries, version.format)
        raise Invalid(f"The runtime '{runtime.name}' is too old: {fit.refusal}", write_hint(readers, fit.hint))
    return write_cautions(desk, version, runtime, fit)


def judge_version(desk: Desk, version: ModelVersion) -> tuple[Caution, ...]:
    """Return what each runtime that runs this format warns of, or would refuse the version for."""
    return tuple(one for runtime in list_fitting(desk, version.format) for one in judge(desk, version, runtime))


def judge_deployment(desk: Desk, deployment: Deployment) -> tuple[Caution, ...]:
    """Return what a deployment's runtime warns of, for each of its models that is still there."""
    runtime = desk.store.find_runtime(deployment.runtime)
    found = (desk.store.find_version(deployment.route, one.name, one.version) for one in deployment.models)
    return tuple(one for version in found if version and runtime for one in judge(desk, version, runtime))


def judge(desk: Desk, version: ModelVersion, runtime: Runtime) -> tuple[Caution, ...]:
    """Return what a runtime says of a version; nothing where its tester does not answer."""
    fit = ask_about(desk, version, runtime)
    if not fit.refusal:
        return write_cautions(desk, version, runtime, fit)
    readers = find_readers(desk, version.libraries, version.format)
    return (Caution(runtime, version.model, fit.refusal, write_hint(readers, fit.hint)),)


def write_cautions(desk: Desk, version: ModelVersion, runtime: Runtime, fit: Fit) -> tuple[Caution, ...]:
    """Return a runtime's warnings; each hint names the runtimes that would have none."""
    calm = find_readers(desk, version.libraries, version.format, calm=True) if fit.warnings else []
    named = ", ".join(f"'{name}'" for name in calm)
    better = f" The runtime {named} has what the file was made with." if calm else ""
    parts = (warning.partition(". ") for warning in fit.warnings)
    return tuple(Caution(runtime, version.model, what.rstrip(".") + ".", hint + better) for what, _, hint in parts)


def inspect_file(desk: Desk, runtime: str, digest: str, filename: str, *, override: bool = False) -> Inspection:
    """Return what a runtime reads out of a file; BadModel, naming the runtime that fits, when it is too old for it.

    runtime: its slug; where none is said, the first one is asked, then the one that has what the file needs.
    override: past the scanner, which otherwise raises DangerousModel.
    """
    try:
        return desk.tester.inspect(find_runtime(desk, runtime).slug, digest, filename, override)
    except DangerousModel:
        raise
    except BadModel as refused:
        readers = find_readers(desk, refused.needs) if refused.needs else []
        if readers and not runtime:
            return desk.tester.inspect(find_runtime(desk, readers[0]).slug, digest, filename, override)
        raise BadModel(refused.sentence, write_hint(readers, refused.hint), refused.needs) from refused


def list_fitting(desk: Desk, kind: str = "") -> list[Runtime]:
    """Return the environments that run models of a kind, or all."""
    return [one for one in list_runtimes(desk, RuntimeKind.ENVIRONMENT) if not kind or kind in one.formats]


def find_readers(desk: Desk, libraries: Mapping[str, str], kind: str = "", *, calm: bool = False) -> list[str]:
    """Return the names of the runtimes that have these libraries, new enough. kind: of model they must run.

    calm: only those that warn of nothing either.
    """
    asked = [(one.name, ask(desk, one, libraries)) for one in list_fitting(desk, kind)]
    return [name for name, fit in asked if is_reader(fit, libraries) and not (calm and fit and fit.warnings)]


def is_reader(fit: Fit | None, libraries: Mapping[str, str]) -> bool:
    """Return whether a runtime was asked, refuses nothing, and has at least one of the libraries."""
    return fit is not None and not fit.refusal and any(fit.here.get(name) for name in libraries)


def ask_about(desk: Desk, version: ModelVersion, runtime: Runtime) -> Fit:
    """Return what a runtime says of a version: nothing where no versions are known, or nobody answers for it."""
    judged = version.libraries and runtime.kind is RuntimeKind.ENVIRONMENT
    return (ask(desk, runtime, version.libraries) if judged else None) or Fit()


def ask(desk: Desk, runtime: Runtime, libraries: Mapping[str, str]) -> Fit | None:
    """Return what a runtime says of these versions, or said a moment ago; None when nobody answers for it."""
    question, now = (runtime.slug, runtime.image, frozenset(libraries.items())), desk.clock.monotonic()
    fit = desk.judgements.find(question, now)
    if fit is None:
        try:
            fit = desk.tester.judge(runtime.slug, libraries)
        except Unavailable:
            return None
        desk.judgements.keep(question, fit, now)
    return fit


def write_hint(readers: list[str], otherwise: str) -> str:
    """Return the hint that names the runtimes which fit."""
    named = ", ".join(f"'{name}'" for name in readers)
    return f"Choose the runtime {named}, which has what the file needs." if readers else otherwise
