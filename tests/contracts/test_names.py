"""The vocabulary is spelled alike everywhere: charts and roles are held to airgate_kit.names."""

import re
from pathlib import Path

import pytest
import yaml

from airgate_kit import names
from airgate_serving.formats.table import FORMATS
from airgate_serving.formats.tensorflow_library import RUNTIME as TENSORFLOW_RUNTIME

ROOT = Path(__file__).resolve().parents[2]
NAMES_FILE = ROOT / "charts/airgate-lib/templates/_names.tpl"
SUFFIXES = {".yaml", ".yml", ".tpl", ".j2", ".json", ".py"}
ROOMS = ("charts", "roles", "playbooks", "inventory")
OURS = re.compile(r"\b(airgate\.io/[a-z-]+|qualcomm\.com/[a-z-]+|nvidia\.com/(?:gpu|mig-)(?![.\w]))")


def read_chart_names():
    """Return what the charts' library calls names."""
    body = re.search(r'define "airgate.names" -}}\n(.*?)\n\{\{- end', NAMES_FILE.read_text(), re.DOTALL)
    return yaml.safe_load(body[1])


def find_known():
    """Return every label, annotation and resource name of the vocabulary."""
    spelled = {value for key, value in vars(names).items() if key.isupper() and isinstance(value, str)}
    return spelled | set(names.RESOURCE_QAIC_BY_SKU.values()) | set(names.NODE_CLASSES.values())


def find_spelled():
    """Return (file, name) of each name of ours in charts, roles, playbooks and inventory."""
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in SUFFIXES]
    return [(path.relative_to(ROOT), name) for path in files for name in OURS.findall(path.read_text())]


def test_the_charts_use_the_vocabulary_s_namespaces_labels_ports_and_user():
    """What a chart makes is what the webapp looks for."""
    assert read_chart_names() == {
        "namespaces": {"deploy": names.NAMESPACE_DEPLOY, "compute": names.NAMESPACE_COMPUTE},
        "labels": names.NODE_CLASSES,
        "jobs": {names.LABEL_KIND: "job"},
        "ports": {
            "serveHttp": names.PORT_SERVE_HTTP,
            "serveGrpc": names.PORT_SERVE_GRPC,
            "web": names.PORT_WEB,
            "reconcilerHealth": names.PORT_RECONCILER_HEALTH,
            "files": names.PORT_FILES,
            "gatewayHttps": names.PORT_GATEWAY_HTTPS,
            "gatewayHttp": names.PORT_GATEWAY_HTTP,
            "plugin": names.PORT_PLUGIN_HTTP,
        },
        "accounts": {"runtime": names.SERVICE_ACCOUNT_RUNTIME},
        "uid": names.UID,
        "modelDisks": names.MODEL_DISKS,
        "modelClaim": names.MODEL_CLAIM,
    }


def test_what_a_runtime_is_said_to_open_it_opens():
    """Webapp, chart and release offer what the serving image opens: all it has a file for, but Qualcomm's programs."""
    known = {*names.FORMATS, *names.FORMATS_TENSORFLOW, *names.FORMATS_PYTORCH, names.FORMAT_QPC}
    assert known == set(FORMATS)
    values = yaml.safe_load((ROOT / "charts/airgate-runtimes/values.yaml").read_text())
    release = yaml.safe_load((ROOT / "inventory/release.yml").read_text())["airgate_release"]
    offered = release["apps"][0]["values"]["airgate-runtimes"]["runtimes"]
    for runtimes in (values["runtimes"], offered):
        wanted = [
            names.FORMATS,
            names.FORMATS,
            names.FORMATS_TENSORFLOW,
            names.FORMATS_PYTORCH,
        ]  # the second is a worker
        assert [tuple(runtime["formats"]) for runtime in runtimes] == wanted
        assert runtimes[2]["name"] == TENSORFLOW_RUNTIME


def test_nobody_spells_a_label_or_a_resource_in_another_way():
    """One letter's difference would leave a pod waiting for ever."""
    assert find_spelled(), "the charts name at least the control class"
    assert [(path, name) for path, name in find_spelled() if name not in find_known()] == []


@pytest.mark.parametrize("path", sorted((ROOT / "charts").glob("*/Chart.yaml")), ids=lambda path: path.parent.name)
def test_a_chart_has_the_product_s_version(path):
    """One number says what is installed."""
    chart = yaml.safe_load(path.read_text())
    wanted = {chart["version"], chart["appVersion"], *(need["version"] for need in chart.get("dependencies", ()))}
    assert wanted == {names.VERSION}


@pytest.mark.parametrize("label", names.NODE_CLASSES.values())
def test_node_classes_are_labels_of_ours(label):
    """A site sees whose label it is."""
    assert label.startswith("airgate.io/")
