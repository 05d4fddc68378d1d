"""What the charts make, for every file of values in ci/: each object is looked at."""

import json
import re
from functools import cache

import pytest

from airgate_kit import names
from airgate_plugin.config import SETTINGS
from airgate_plugin.policy.exclusion import read_exclusions
from airgate_web.config import read_runtime
from tests.charts.charts import CHARTS, NAMESPACE, find_ci_values, find_pod_spec, read_rendered, split_documents

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]  # helm is built for the test cluster
ALL = find_ci_values()
EVERY_CI = pytest.mark.parametrize(("chart", "path"), ALL, ids=[f"{chart}-{path.stem}" for chart, path in ALL])
BY_DIGEST = re.compile(r"^[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$")
WITH_RIGHTS = {"reconciler"}  # the containers that have a token of the cluster
TOKEN = "cluster-token"
TWO_NAMESPACES = (
    "/templates/(namespaces|networkpolicies|serviceaccounts|resourcequotas|limitranges|web/roles|web/rolebindings)"
)
APPLIED = ["list", "create", "patch", "delete"]  # server-side apply makes, and makes the same again
WHERE_MODELS_RUN = {
    ("apps", "deployments"): APPLIED,
    ("batch", "jobs"): APPLIED,
    ("", "services"): APPLIED,
    ("", "secrets"): APPLIED,
    ("", "pods"): ["delete"],
    ("", "pods/log"): ["get"],
}
EVENTS_OF_NODES = "default"  # a Node has no namespace; Kubernetes keeps its events here
RIGHTS = {
    None: {("", "nodes"): ["list"], ("", "pods"): ["list", "watch"]},
    names.NAMESPACE_DEPLOY: WHERE_MODELS_RUN,
    names.NAMESPACE_COMPUTE: WHERE_MODELS_RUN,
    EVENTS_OF_NODES: {("", "events"): ["create", "patch"]},  # the device plugin's
}


@pytest.fixture
def rendered(helm, chart, path):
    """All objects of one file of values."""
    return render_once(helm, chart, path)


@cache
def render_once(helm, chart, path):
    """Return what helm makes of one file of values; it makes the same every time."""
    return helm.render(chart, path)


def find_containers(rendered):
    """Return (object, pod, container) of all that run."""
    pods = [(item, pod) for item in rendered if (pod := find_pod_spec(item))]
    return [(item, pod, box) for item, pod in pods for box in [*pod["containers"], *pod.get("initContainers", [])]]


@EVERY_CI
def test_helm_has_nothing_to_say_against_it(helm, chart, path):
    """`helm lint --strict` is content."""
    done = helm.run("lint", "--strict", "--kube-version", "1.34.4", helm.find_packed(chart), "--values", path)
    assert done.returncode == 0, done.stdout + done.stderr


@EVERY_CI
def test_every_image_is_named_by_its_digest(rendered, chart, path):
    """What was tested is what runs: a tag can be moved, a digest cannot."""
    for _, _, box in find_containers(rendered):
        assert BY_DIGEST.match(box["image"]), box["image"]
        assert box["imagePullPolicy"] == "IfNotPresent"


@EVERY_CI
def test_every_container_is_restricted_but_the_plugin_s_user_and_folders(rendered, chart, path):
    """Nothing of ours is more than it must be; the plugin alone is root and sees folders of the node."""
    for item, pod, box in find_containers(rendered):
        context = box["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "privileged" not in context
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        if item.name != "airgate-device-plugin":
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["securityContext"]["runAsUser"] == names.UID


@EVERY_CI
def test_folders_of_the_node_are_seen_by_the_plugin_read_only(rendered, chart, path):
    """The plugin writes in the folders of sockets, of CDI files and of node features alone."""
    for item, pod, box in find_containers(rendered):
        of_host = {volume["name"] for volume in pod.get("volumes", ()) if "hostPath" in volume}
        if item.name == "airgate-device-plugin":
            writable = {mount["name"] for mount in box["volumeMounts"] if not mount.get("readOnly")}
            assert of_host & writable == of_host & {"kubelet", "cdi", "features", "resets"}
            asked = any(each["name"] == "AIRGATE_PLUGIN_RESET" for each in box["env"])
            assert ("resets" in of_host) == asked, "/sys/devices is writable where resets are asked for, and only there"
        else:
            assert of_host <= {"routes"}, f"{item.name} mounts {of_host} of the node"


@EVERY_CI
def test_a_token_of_the_cluster_is_in_the_reconciler_s_container_alone(rendered, chart, path):
    """Who breaks into the pages has no right in the cluster."""
    for item, pod, box in find_containers(rendered):
        assert pod["automountServiceAccountToken"] is False, item.name
        mounted = {mount["name"] for mount in box["volumeMounts"]}
        assert (TOKEN in mounted) == (box["name"] in WITH_RIGHTS)
    for item in rendered:
        if item.kind == "ServiceAccount":
            assert item.object["automountServiceAccountToken"] is False


@EVERY_CI
def test_the_keys_that_sign_for_users_are_in_the_web_container_alone(rendered, chart, path):
    """Reconciler and gateway hold the token between us, and no key to make tokens for others."""
    for _, pod, box in find_containers(rendered):
        volumes = {volume["name"]: volume for volume in pod.get("volumes", ())}
        for mount in box["volumeMounts"]:
            secret = volumes.get(mount["name"], {}).get("secret")
            if secret and mount["mountPath"] == "/keys" and box["name"] != "web":
                assert [item["key"] for item in secret["items"]] == ["internal-token"]


@EVERY_CI
def test_rights_are_those_that_are_used(rendered, chart, path):
    """RBAC is no wider than what the reconciler does; a new right is a decision, made here too."""
    for item in rendered:
        if item.kind not in ("Role", "ClusterRole"):
            continue
        given = {
            (group, resource): rule["verbs"]
            for rule in item.object["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
        }
        assert given == RIGHTS[item.object["metadata"].get("namespace")]


@EVERY_CI
def test_every_object_says_whose_it_is_and_where_it_lies(rendered, chart, path):
    """`kubectl get -l app.kubernetes.io/part-of=airgate` finds all of it."""
    for item in rendered:
        meta = item.object["metadata"]
        assert meta["labels"]["app.kubernetes.io/part-of"] == "airgate"
        if meta["name"] == "airgate-device-plugin-events":
            assert meta["namespace"] == EVENTS_OF_NODES
        elif item.kind not in ("Namespace", "ClusterRole", "ClusterRoleBinding"):
            assert meta["namespace"] in (NAMESPACE, names.NAMESPACE_DEPLOY, names.NAMESPACE_COMPUTE)


@EVERY_CI
def test_a_template_makes_one_object_or_one_in_each_namespace_of_runtimes(rendered, chart, path):
    """Whoever looks for an object finds its file by the name."""
    made: dict[str, list[str]] = {}
    for item in rendered:
        made.setdefault(item.template, []).append(item.kind)
    for template, kinds in made.items():
        many = re.search(TWO_NAMESPACES, template)
        assert len(kinds) == (2 if many else 1), f"{template} makes {kinds}"
        assert len(set(kinds)) == 1


@EVERY_CI
def test_requests_and_limits_of_memory_are_said(rendered, chart, path):
    """A part that leaks is ended before the node is."""
    for item, _, box in find_containers(rendered):
        assert "memory" in box["resources"]["limits"], f"{item.name}/{box['name']}"
        assert {"cpu", "memory"} <= set(box["resources"]["requests"])


def find_one(rendered, kind, name, namespace=NAMESPACE):
    """Return one object."""
    found = [item.object for item in rendered if (item.kind, item.name) == (kind, name)]
    return next(item for item in found if item["metadata"].get("namespace", namespace) == namespace)


def render_ci(helm, chart, name):
    """Return the objects of one file of values by its name."""
    return render_once(helm, chart, CHARTS / chart / "ci" / f"{name}-values.yaml")


def test_namespaces_of_runtimes_hold_pods_to_the_restricted_standard(helm):
    """No model's pod can be more than restricted, whoever makes it."""
    for item in render_ci(helm, "airgate-runtimes", "plain"):
        if item.kind == "Namespace":
            labels = item.object["metadata"]["labels"]
            assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_traffic_of_runtimes_is_refused_but_for_what_is_named(helm):
    """A model talks to nobody: in come the gateway or the webapp, out go the fetching of a model and DNS."""
    rendered = render_ci(helm, "airgate-runtimes", "plain")
    for namespace in (names.NAMESPACE_DEPLOY, names.NAMESPACE_COMPUTE):
        deny = find_one(rendered, "NetworkPolicy", "deny", namespace)["spec"]
        assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        out = find_one(rendered, "NetworkPolicy", "fetch", namespace)["spec"]["egress"]
        assert [[port["port"] for port in rule["ports"]] for rule in out] == [[53, 53], [names.PORT_FILES]]
        assert find_component(out[1]["to"]) == "files"
    (way,) = find_one(rendered, "NetworkPolicy", "predict", names.NAMESPACE_DEPLOY)["spec"]["ingress"]
    assert find_component(way["from"]) == "gateway"
    assert [port["port"] for port in way["ports"]] == [names.PORT_SERVE_HTTP, names.PORT_SERVE_GRPC]
    (way,) = find_one(rendered, "NetworkPolicy", "test", names.NAMESPACE_COMPUTE)["spec"]["ingress"]
    assert find_component(way["from"]) == "web"
    assert [port["port"] for port in way["ports"]] == [names.PORT_SERVE_HTTP]


def test_a_job_reports_to_the_webapp_and_nobody_else_in_its_namespace_does(helm):
    """Out of a job's pod leads one way more than out of a tester's; the reconciler is told where to."""
    report = find_one(render_ci(helm, "airgate-runtimes", "plain"), "NetworkPolicy", "report", names.NAMESPACE_COMPUTE)
    assert report["spec"]["podSelector"] == {"matchLabels": {names.LABEL_KIND: "job"}}
    assert report["spec"]["policyTypes"] == ["Egress"]
    (way,) = report["spec"]["egress"]
    assert (find_component(way["to"]), way["ports"]) == ("web", [{"port": names.PORT_WEB}])
    pod = find_one(render_ci(helm, "airgate-webapp", "plain"), "Deployment", "airgate-web")["spec"]["template"]["spec"]
    told = {"name": "AIRGATE_WEB_URL", "value": f"http://airgate-web.{NAMESPACE}:{names.PORT_WEB}"}
    assert told in pod["containers"][1]["env"]


def test_a_server_of_others_is_offered_and_reached_on_its_own_port(helm):
    """The webapp is told how it is started; the gateway alone may call it."""
    values = ("--values", CHARTS / "airgate-runtimes/ci/every-values.yaml", "--set", "networkPolicies=true")
    done = helm.template("airgate-runtimes", *values)
    assert done.returncode == 0, done.stderr
    rendered = list(map(read_rendered, split_documents(done.stdout)))
    (way,) = find_one(rendered, "NetworkPolicy", "predict", names.NAMESPACE_DEPLOY)["spec"]["ingress"]
    assert find_component(way["from"]) == "gateway"
    assert [port["port"] for port in way["ports"]] == [names.PORT_SERVE_HTTP, names.PORT_SERVE_GRPC, 8000]
    offered = json.loads(find_one(rendered, "ConfigMap", "airgate-runtimes")["data"]["runtimes.json"])
    server = next(read_runtime(entry) for entry in offered if entry["kind"] == "server")
    assert server.server.command == ("vllm", "serve")
    assert server.server.takes_model
    assert [entry["kind"] for entry in offered] == ["environment", "worker", "server"]


def test_the_webapp_is_told_on_whose_cards_a_runtime_computes_where_its_definition_says_so(helm):
    """Who deploys a model beside a card that would lie idle is warned before."""
    told = find_one(render_ci(helm, "airgate-runtimes", "every"), "ConfigMap", "airgate-runtimes")["data"]
    cards = [read_runtime(entry).cards for entry in json.loads(told["runtimes.json"])]
    assert cards == [("nvidia.com",), None, None]
    told = find_one(render_ci(helm, "airgate-runtimes", "plain"), "ConfigMap", "airgate-runtimes")["data"]
    cards = [read_runtime(entry).cards for entry in json.loads(told["runtimes.json"])]
    assert cards == [(), (), (), ("nvidia.com",)]


def test_traces_leave_for_the_collector_that_is_named_and_for_nowhere_else(helm):
    """Off, there is neither variable nor way; on, the reconciler is told the address and services may reach it."""
    pod = find_one(render_ci(helm, "airgate-webapp", "every"), "Deployment", "airgate-web")["spec"]["template"]["spec"]
    reconciler = pod["containers"][1]
    assert {"name": "AIRGATE_TRACE_URL", "value": "http://10.0.0.5:4318"} in reconciler["env"]
    values = ("--values", CHARTS / "airgate-runtimes/ci/every-values.yaml", "--set", "networkPolicies=true")
    rendered = list(map(read_rendered, split_documents(helm.template("airgate-runtimes", *values).stdout)))
    policy = find_one(rendered, "NetworkPolicy", "trace", names.NAMESPACE_DEPLOY)["spec"]
    assert policy["policyTypes"] == ["Egress"]
    assert policy["egress"] == [{"to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}], "ports": [{"port": 14318}]}]
    plain = [*render_ci(helm, "airgate-runtimes", "plain"), *render_ci(helm, "airgate-webapp", "plain")]
    assert not [each for each in plain if each.name == "trace" or "AIRGATE_TRACE_URL" in str(each.object)]


def test_disks_with_folders_of_models_are_seen_read_only_by_web_alone(helm):
    """Where a model is registered is where the runtimes will mount it."""
    pod = find_one(render_ci(helm, "airgate-webapp", "every"), "Deployment", "airgate-web")["spec"]["template"]["spec"]
    web, reconciler = pod["containers"]
    mounts = {each["name"]: each for each in web["volumeMounts"]}
    assert mounts["models-nas"] == {"name": "models-nas", "mountPath": f"{names.MODEL_DISKS}/nas", "readOnly": True}
    roots = next(each["value"] for each in web["env"] if each["name"] == "AIRGATE_MODEL_ROOTS")
    assert roots == f"{names.MODEL_DISKS}/nas:{names.MODEL_DISKS}/ssd"
    claim = next(each for each in pod["volumes"] if each["name"] == "models-ssd")["persistentVolumeClaim"]
    assert claim == {"claimName": f"{names.MODEL_CLAIM}ssd", "readOnly": True}
    assert not [each for each in reconciler["volumeMounts"] if each["name"].startswith("models-")]


def test_of_pods_with_a_model_those_of_jobs_alone_reach_the_webapp(helm):
    """What user code runs in may fetch files from their own process; a job, whose model is locked, reports as well."""
    rendered = render_ci(helm, "airgate-webapp", "plain")
    way, of_jobs = find_one(rendered, "NetworkPolicy", "airgate-web", NAMESPACE)["spec"]["ingress"]
    assert find_component(way["from"]) == "gateway"
    (peer,) = of_jobs["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": names.NAMESPACE_COMPUTE}
    assert peer["podSelector"]["matchLabels"] == {names.LABEL_KIND: "job"}
    files = find_one(rendered, "NetworkPolicy", "airgate-files", NAMESPACE)["spec"]
    assert "egress" not in files
    (way,) = files["ingress"]
    assert [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in way["from"]] == [
        names.NAMESPACE_DEPLOY,
        names.NAMESPACE_COMPUTE,
    ]


def find_component(peers):
    """Return the one component that a policy's rule lets in."""
    (peer,) = peers
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": NAMESPACE}
    return peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]


def test_without_policies_there_are_none(helm):
    """A site with its own policies switches ours off."""
    for chart, name in (("airgate-runtimes", "every"), ("airgate-webapp", "host")):
        assert "NetworkPolicy" not in {item.kind for item in render_ci(helm, chart, name)}


def test_plain_http_is_opened_only_when_asked(helm):
    """By default there is no door without TLS; when there is, the console stays away from it unless asked for too."""

    def find_gateway(name):
        spec = find_one(render_ci(helm, "airgate-webapp", name), "StatefulSet", "airgate-gateway")["spec"]
        agent, envoy = spec["template"]["spec"]["containers"]
        return agent["args"], [port["name"] for port in envoy["ports"]]

    flags, ports = find_gateway("plain")
    assert ports == ["https"]
    assert not [flag for flag in flags if flag.startswith("--http=") or flag == "--http-console"]
    flags, ports = find_gateway("nodeport")
    assert ports == ["https", "http"]
    assert f"--http=0.0.0.0:{names.PORT_GATEWAY_HTTP}" in flags
    assert "--http-console" not in flags
    flags, _ = find_gateway("every")
    assert "--http-console" in flags


@pytest.mark.parametrize(
    ("name", "host_port", "node_port", "listens"),
    [
        ("plain", 443, None, 8443),
        ("nodeport", None, 30443, 8443),
        ("every", None, None, 8443),
        ("host", None, None, 9443),
    ],
)
def test_the_gateway_is_reached_the_way_a_site_chose(helm, name, host_port, node_port, listens):
    """Host port, node port, load balancer and the node's own network: one value."""
    rendered = render_ci(helm, "airgate-webapp", name)
    pod = find_one(rendered, "StatefulSet", "airgate-gateway")["spec"]["template"]["spec"]
    service = find_one(rendered, "Service", "airgate-gateway")["spec"]
    door = pod["containers"][1]["ports"][0]
    assert (door.get("hostPort"), door["containerPort"]) == (host_port, listens)
    assert service["ports"][0].get("nodePort") == node_port
    assert pod.get("hostNetwork", False) == (name == "host")
    assert (service["type"] == "LoadBalancer") == (name == "every")


def test_the_appliance_s_own_pods_go_to_the_control_class(helm):
    """Models' nodes are left to models."""
    for item in render_ci(helm, "airgate-webapp", "plain"):
        if pod := find_pod_spec(item):
            assert pod["nodeSelector"] == {names.LABEL_CONTROL: "true"}


def test_what_users_made_outlives_the_release(helm):
    """`helm uninstall` leaves models, keys and the certificate."""
    rendered = render_ci(helm, "airgate-webapp", "plain")
    for kind, name in (
        ("PersistentVolumeClaim", "airgate-data"),
        ("Secret", "airgate-keys"),
        ("Secret", "airgate-tls"),
    ):
        assert find_one(rendered, kind, name)["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_one_pod_is_replaced_before_and_several_one_after_the_other(helm):
    """SQLite never has two writers' pods; PostgreSQL's pods never are all away."""
    for name, strategy in (("plain", "Recreate"), ("every", "RollingUpdate")):
        web = find_one(render_ci(helm, "airgate-webapp", name), "Deployment", "airgate-web")
        assert web["spec"]["strategy"] == {"type": strategy}


def test_what_a_site_decides_reaches_the_plugin(helm):
    """Every value becomes the setting that the plugin's own table knows, and one that it accepts."""
    pod = find_one(render_ci(helm, "airgate-device-plugin", "every"), "DaemonSet", "airgate-device-plugin")["spec"]
    (box,) = pod["template"]["spec"]["containers"]
    given = {each["name"]: each.get("value", "a-node") for each in box["env"]}
    to_nvidias_runtime = {name: given.pop(name) for name in list(given) if name.startswith("NVIDIA_")}
    assert to_nvidias_runtime == {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "utility"}
    assert pod["template"]["spec"]["runtimeClassName"] == "nvidia"
    as_expanded = "https://10.152.183.1:443"
    assert given["AIRGATE_PLUGIN_EVENTS"] == "https://$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)"
    given["AIRGATE_PLUGIN_EVENTS"] = as_expanded
    by_variable = {setting.variable: setting for setting in SETTINGS}
    assert set(given) <= set(by_variable)
    assert all(by_variable[name].read(value) is not NotImplemented for name, value in given.items())
    assert given["AIRGATE_PLUGIN_PACKING"] == "spread"
    assert given["AIRGATE_PLUGIN_RESOURCES"] == (
        "nvidia.com/mig-1g.5gb=nvidia.com/gpu,qualcomm.com/qaic=site.example/inference-card"
    )
    words = find_one(render_ci(helm, "airgate-device-plugin", "every"), "ConfigMap", "airgate-device-plugin-exclude")
    assert read_exclusions(words["data"]["exclude"], "worker-1") == {"0000:12:00.0", "sim-00-343016"}
    assert read_exclusions(words["data"]["exclude"], "worker-2") == {"0000:01:00.0"}
