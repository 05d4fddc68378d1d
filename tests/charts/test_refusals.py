"""Bad values: each is refused with a sentence, before anything reaches a cluster."""

import json

import pytest

from tests.charts.charts import CHARTS

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]  # helm is built for the test cluster
WEBAPP, PLUGIN, RUNTIMES, UMBRELLA = "airgate-webapp", "airgate-device-plugin", "airgate-runtimes", "airgate"
TWO_PODS = "replicas=2,database.existingSecret=d"

COMBINATIONS = [
    (PLUGIN, "image.digest=", "image.digest is empty. Give the digest of the device-plugin image"),
    (PLUGIN, "reset=true,podResourcesDir=", "reset is on and podResourcesDir is empty"),
    (PLUGIN, "nvidiaRuntimeClass=nvidia", "nvidiaRuntimeClass is set and nvidia is off"),
    (PLUGIN, "qaicReport=/opt/qaic.txt", "qaicReport lies in /opt, all of which the container would see."),
    (PLUGIN, f"devicePluginsDir=/{'x' * 80}", "devicePluginsDir is too long"),
    (RUNTIMES, "runtimes[0].image.digest=", "The runtime ai-environment-python-3-11 has no image.digest."),
    (
        RUNTIMES,
        "runtimes[1].server.port=80,runtimes[1].server.health=/",
        "The runtime ai-worker-python-3-11 has both server and kind.",
    ),
    (WEBAPP, "image.digest=", "image.digest is empty. Give the digest of the image"),
    (WEBAPP, "gateway.image.digest=", "gateway.image.digest is empty. Give the digest of the image"),
    (WEBAPP, "replicas=2", "replicas is 2, but SQLite serves one pod. Give a PostgreSQL server"),
    (WEBAPP, TWO_PODS, "the volume is ReadWriteOnce. Set storage.accessMode to ReadWriteMany"),
    (WEBAPP, "gateway.http.console=true", "there is no plain HTTP door. Set gateway.http.enabled too"),
    (WEBAPP, "gateway.http.enabled=true,gateway.expose.httpPort=443", "httpPort and httpsPort are both 443"),
    (WEBAPP, "gateway.expose.type=NodePort", "httpsPort is 443, but a NodePort lies between 30000 and 32767"),
    (WEBAPP, "gateway.expose.type=HostNetwork", "only root may open a port below 1024"),
    (
        WEBAPP,
        "gateway.expose.type=ClusterIP,gateway.replicas=2,gateway.routes.hostPath=/srv",
        "gateway.routes.hostPath is shared by pods of one node",
    ),
    (UMBRELLA, "airgate-webapp.tracing.url=http://10.0.0.5:4318", "but no deployment may reach it. Say where that is"),
    (UMBRELLA, "airgate-runtimes.enabled=false", "the webapp would have nowhere to run a model"),
]
SHAPES = [
    (PLUGIN, "skuResource=true", "skuResource"),
    (PLUGIN, "image.tag=latest", "tag"),
    (PLUGIN, "image.digest=latest", "digest"),
    (PLUGIN, "devicePluginsDir=relative", "devicePluginsDir"),
    (PLUGIN, "qids.somewhere=1", "qids"),
    (PLUGIN, "qaicReport=qaic.txt", "qaicReport"),
    (RUNTIMES, "runtimes[0].slug=Capitals", "slug"),
    (RUNTIMES, "runtimes[0].kind=server", "kind"),
    (RUNTIMES, "runtimes[0].image.tag=latest", "tag"),
    (RUNTIMES, "networkPolicy=false", "networkPolicy"),
    (RUNTIMES, "tracing.to[0].host=collector", "host"),
    (WEBAPP, "tracing.url=collector:4318", "tracing"),
    (WEBAPP, "gateway.expose.port=443", "port"),
    (WEBAPP, "gateway.expose.type=Ingress", "type"),
    (WEBAPP, "storage.size=lots", "size"),
    (WEBAPP, "replicas=1.5", "replicas"),
    (WEBAPP, "gateway.expose.httpsPort=70000", "httpsPort"),
    (UMBRELLA, "airgate-webap.enabled=false", "airgate-webap"),
    (UMBRELLA, "airgate-webapp.image.tag=1", "tag"),
]


def refuse(helm, chart, setting):
    """Render a chart's plain values with a setting added; return what helm said against it."""
    done = helm.template(chart, "--values", CHARTS / chart / "ci/plain-values.yaml", "--set", setting)
    assert done.returncode != 0, f"{chart} took {setting}"
    return done.stderr


@pytest.mark.parametrize(("chart", "setting", "sentence"), COMBINATIONS)
def test_a_combination_that_cannot_work_is_refused_with_what_to_do(helm, chart, setting, sentence):
    """One sentence: what, why, what to do instead."""
    assert sentence in refuse(helm, chart, setting)


@pytest.mark.parametrize(("chart", "setting", "key"), SHAPES)
def test_an_unknown_key_or_a_wrong_shape_is_refused_naming_it(helm, chart, setting, key):
    """A slip of the pen never installs a default instead."""
    said = refuse(helm, chart, setting)
    assert "don't meet the specifications of the schema" in said
    assert key in said


def test_the_appliance_is_not_installed_where_models_run(helm):
    """The webapp and its keys lie apart from what users bring."""
    plain = CHARTS / RUNTIMES / "ci/plain-values.yaml"
    done = helm.template(RUNTIMES, "--values", plain, namespace="airgate-deploy")
    assert done.returncode != 0
    assert "Install it into airgate-system" in done.stderr


def test_a_runtime_that_is_neither_ours_nor_a_server_is_refused(helm):
    """Nobody would know what it runs, nor where it answers."""
    digest = "sha256:" + "b" * 64
    image = {"registry": "airgate.local", "repository": "serving", "digest": digest}
    bare = [{"slug": "bare", "name": "Bare", "image": image}]
    done = helm.template(RUNTIMES, "--set-json", f"runtimes={json.dumps(bare)}")
    assert done.returncode != 0
    assert "The runtime bare has neither language and formats nor server." in done.stderr


def test_two_runtimes_of_one_slug_are_refused(helm):
    """One would silently be the other."""
    two = CHARTS / RUNTIMES / "ci/every-values.yaml"
    done = helm.template(RUNTIMES, "--values", two, "--set", "runtimes[1].slug=onnx")
    assert done.returncode != 0
    assert "Two runtimes have the slug onnx." in done.stderr
