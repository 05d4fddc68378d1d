"""Trials: one call of a model on the Test page. Nothing is held afterwards."""

from airgate_web.domain.user import User
from airgate_web.ports import TrialRun
from airgate_web.services.desk import Desk
from airgate_web.services.models import LATEST, find_version
from airgate_web.services.runtimes import find_fitting_runtime
from airgate_web.services.scanning import require_allowed

PREDICT = "predict"


def run_trial(
    desk: Desk,
    user: User,
    route: str,
    model: str,
    version: str | int = LATEST,
    args: object = None,
    function: str = PREDICT,
    runtime: str = "",
) -> TrialRun:
    """Load a version in the sandbox, call it once with `args` and return what came of it.

    args: what would stand under "args" in a call of its deployment, for example {"X": [{"width": 5.1}]}. A model that
    fails is a TrialRun with ok False; NotFound, Invalid or Unavailable otherwise.
    """
    with desk.meter.counting("trial"):
        found = find_version(desk, route, model, version)
        require_allowed(found)
        chosen = find_fitting_runtime(desk, found, runtime)
        run = desk.tester.test(chosen.slug, found, function, args)
    desk.note(user, "test", f"model {route}/{model}", f"version {found.version}, {'ok' if run.ok else 'failed'}")
    return run
