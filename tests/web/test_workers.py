"""Workers run jobs and nothing else; environments run tests and deployments and no jobs."""

import pytest

from airgate_web.domain.errors import Invalid
from airgate_web.domain.runtime import RuntimeKind
from airgate_web.services.deployments import DeploymentWish, create_deployment
from airgate_web.services.runtimes import (
    DEFAULT_SLUG,
    WORKER_SLUG,
    find_runtime,
    find_serving_runtime,
    find_worker,
    list_runtimes,
    put_runtimes,
)
from tests.fakes.samples import make_runtime, make_version


def test_a_worker_comes_with_the_appliance_beside_the_environment(desk):
    """The same image and the same formats: what can be tested can be run over a whole data set."""
    (environment,) = list_runtimes(desk, RuntimeKind.ENVIRONMENT)
    (worker,) = list_runtimes(desk, RuntimeKind.WORKER)
    assert (worker.slug, worker.name) == (WORKER_SLUG, "AI worker with Python 3.11")
    assert (worker.image, worker.formats) == (environment.image, environment.formats)


def test_a_worker_is_no_place_for_a_test_or_a_deployment(desk, ada):
    """Asked for by its name it is refused with the environments there are; by itself it is never taken."""
    desk.store.add_version(make_version())
    with pytest.raises(Invalid, match=DEFAULT_SLUG):
        find_runtime(desk, WORKER_SLUG)
    with pytest.raises(Invalid, match=f"no runtime '{WORKER_SLUG}'"):
        create_deployment(desk, ada, "qc", "live", DeploymentWish(model="digits", runtime=WORKER_SLUG))
    put_runtimes(desk, [make_runtime("a-worker", kind=RuntimeKind.WORKER, formats=("new",))])
    with pytest.raises(Invalid, match="cannot run the format new"):
        find_serving_runtime(desk, make_version(format="new"))


def test_a_job_is_run_by_a_worker_that_opens_the_format(desk):
    """By its slug or its name, or the first that can; an environment is none."""
    put_runtimes(desk, [make_runtime("b-worker", kind=RuntimeKind.WORKER, formats=("keras",))])
    assert find_worker(desk, make_version(format="onnx")).slug == WORKER_SLUG
    assert find_worker(desk, make_version(format="keras"), "B-Worker").slug == "b-worker"
    for slug in (DEFAULT_SLUG, "b-worker"):
        with pytest.raises(Invalid, match=f"no worker '{slug}' that runs the format onnx") as refused:
            find_worker(desk, make_version(format="onnx"), slug)
        assert WORKER_SLUG in refused.value.hint
    with pytest.raises(Invalid, match="No worker runs the format qpc"):
        find_worker(desk, make_version(format="qpc"))
