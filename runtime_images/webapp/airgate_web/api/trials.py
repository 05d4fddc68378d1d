"""Testing a version: a sample to start with, and one call."""

from fastapi import APIRouter

from airgate_web.api.access import Asking, AtDesk
from airgate_web.api.shapes.models import SampleAnswer, TrialAnswer, TrialBody
from airgate_web.domain.functions import PREDICT, choose_function, find_function
from airgate_web.domain.scaffold import make_sample, make_tensors
from airgate_web.services.models import find_version
from airgate_web.services.trials import run_trial

router = APIRouter(prefix="/projects/{route}/models/{model}/versions/{version}")


@router.get("/sample")
def read_sample(route: str, model: str, version: str, desk: AtDesk, _user: Asking, function: str = "") -> SampleAnswer:
    """Bodies that a function of this version takes, made from its signature; for a script's predict its own SAMPLE.

    Without a function the one that a test without one calls. Open Inference has no functions: its body is predict's.
    """
    found = find_version(desk, route, model, version)
    called = function or choose_function(found.signature)
    signature, sample = find_function(found.signature, found.sample, called)
    return SampleAnswer(
        function=called,
        predict=make_sample(signature, sample),
        infer=make_tensors(signature) if called == PREDICT else {},
    )


@router.post("/test")
def test_version(route: str, model: str, version: str, body: TrialBody, desk: AtDesk, user: Asking) -> TrialAnswer:
    """Load this version in the sandbox, call it once and let go of it."""
    run = run_trial(desk, user, route, model, version, body.args, body.function, body.runtime)
    return TrialAnswer.model_validate(run)
