"""Trials: one call of a model on the Test page. Nothing is held afterwards."""

from airgate_web.domain.functions import PREDICT, choose_function
from airgate_web.domain.user import User
from airgate_web.ports import TrialRun
from airgate_web.services.desk import Desk
from airgate_web.services.models import LATEST, find_version
from airgate_web.services.runtimes import find_fitting_runtime
from airgate_web.services.scanning import require_allowed


def run_trial(
    desk: Desk,
    user: User,
    route: str,
    model: str,
    version: str | int = LATEST,
    args: object = None,
    function: str = "",
    runtime: str = "",
) -> TrialRun:
    """Load a version in the sandbox, call it once with `args` and return what came of it.

    args: what would stand under "args" in a call of its deployment, for example {"X": [{"width": 5.1}]}. function: the
    one that is meant where none is named, when empty. A model that fails is a TrialRun with ok False; NotFound, Invalid
    or Unavailable otherwise.
    """
    with desk.meter.counting("trial"):
        found = find_version(desk, route, model, version)
        require_allowed(found)
        chosen = find_fitting_runtime(desk, found, runtime)
        called = function or choose_function(found.signature)
        run = desk.tester.test(chosen.slug, found, called, args)
    desk.note(user, "test", f"model {route}/{model}", write_detail(found.version, called, run))
    return run


def write_detail(version: int, function: str, run: TrialRun) -> str:
    """Return what the audit says of a test."""
    named = "" if function == PREDICT else f", {function}"
    return f"version {version}{named}, {'ok' if run.ok else 'failed'}"
