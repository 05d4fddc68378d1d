"""Whether a runtime's libraries can read a model: asked of the runtime itself, before a replica tries and fails.

A runtime whose tester does not answer is not waited for: what it cannot read it will say when it opens the file.
"""

from collections.abc import Mapping

from airgate_web.domain.errors import BadModel, Invalid, Unavailable
from airgate_web.domain.model import ModelVersion
from airgate_web.domain.runtime import Runtime, RuntimeKind
from airgate_web.ports import Fit, Inspection
from airgate_web.services.desk import Desk
from airgate_web.services.runtimes import list_runtimes


def require_readable(desk: Desk, version: ModelVersion, runtime: Runtime) -> None:
    """Raise Invalid, naming the runtime that fits, when this one's libraries are too old for a model."""
    if not version.libraries or runtime.kind is not RuntimeKind.ENVIRONMENT:
        return
    fit = ask(desk, runtime, version.libraries)
    if fit and fit.refusal:
        readers = find_readers(desk, version.libraries, version.format)
        raise Invalid(f"The runtime '{runtime.name}' is too old: {fit.refusal}", write_hint(readers, fit.hint))


def inspect_file(desk: Desk, runtime: str, digest: str, filename: str) -> Inspection:
    """Return what a runtime reads out of a file; BadModel, naming the runtime that fits, when it is too old for it."""
    try:
        return desk.tester.inspect(runtime, digest, filename)
    except BadModel as refused:
        readers = find_readers(desk, refused.needs) if refused.needs else []
        raise BadModel(refused.sentence, write_hint(readers, refused.hint), refused.needs) from refused


def find_readers(desk: Desk, libraries: Mapping[str, str], kind: str = "") -> list[str]:
    """Return the names of the runtimes that have these libraries, new enough. kind: of model they must run."""
    fitting = [one for one in list_runtimes(desk, RuntimeKind.ENVIRONMENT) if not kind or kind in one.formats]
    return [one.name for one in fitting if is_reader(ask(desk, one, libraries), libraries)]


def is_reader(fit: Fit | None, libraries: Mapping[str, str]) -> bool:
    """Return whether a runtime was asked, refuses nothing, and has at least one of the libraries."""
    return fit is not None and not fit.refusal and any(fit.here.get(name) for name in libraries)


def ask(desk: Desk, runtime: Runtime, libraries: Mapping[str, str]) -> Fit | None:
    """Return what a runtime says of these versions, or None when nobody answers for it."""
    try:
        return desk.tester.judge(runtime.slug, libraries)
    except Unavailable:
        return None


def write_hint(readers: list[str], otherwise: str) -> str:
    """Return the hint that names the runtimes which fit."""
    named = ", ".join(f"'{name}'" for name in readers)
    return f"Choose the runtime {named}, which has what the file needs." if readers else otherwise
