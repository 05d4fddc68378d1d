"""The vocabulary: every name that charts, roles, products and tests must spell alike.

A test (tests/contracts/test_names.py) holds charts and roles to these values.
"""

VERSION = "0.1.0"  # of all of Airgate; pyproject.toml and the charts take it from here

# Extended resources, one unit a SoC or a GPU (docs: Kubernetes device plugins).
RESOURCE_QAIC = "qualcomm.com/qaic"
RESOURCE_QAIC_BY_SKU = {
    "std": "qualcomm.com/qaic-std",
    "pro": "qualcomm.com/qaic-pro",
    "ultra": "qualcomm.com/qaic-ultra",
}
RESOURCE_GPU = "nvidia.com/gpu"
RESOURCE_MIG_PREFIX = "nvidia.com/mig-"

# Node classes: a node may have several; a single node has all three. The value is always "true".
LABEL_CONTROL = "airgate.io/control"  # the appliance's own pods
LABEL_COMPUTE = "airgate.io/compute"  # validation, tests and jobs
LABEL_DEPLOY = "airgate.io/deploy"  # deployed services
NODE_CLASSES = {"control": LABEL_CONTROL, "compute": LABEL_COMPUTE, "deploy": LABEL_DEPLOY}

# Namespaces.
NAMESPACE_SYSTEM = "airgate-system"  # webapp, gateway, device plugin
NAMESPACE_DEPLOY = "airgate-deploy"  # deployed services
NAMESPACE_COMPUTE = "airgate-compute"  # testers and jobs

# Labels and annotations on what the reconciler makes.
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "airgate"
LABEL_WORKLOAD = "airgate.io/workload"  # the workload's name
LABEL_KIND = "airgate.io/kind"  # service | tester | job
ANNOTATION_SPEC_DIGEST = "airgate.io/spec-digest"  # sha256 of the wish that made this object
ANNOTATION_REPLICA_DIGEST = "airgate.io/replica-digest"  # the same without the count: what one pod is
ANNOTATION_OWNER = "airgate.io/owner"  # whom people know it by: "route/deployment", or a runtime's slug
SERVICE_ACCOUNT_RUNTIME = "airgate-runtime"  # what pods with models run as: no token, the registry's pull secrets

# Environment of a container that was granted Qualcomm cards.
ENV_QAIC_VISIBLE_DEVICES = "QAIC_VISIBLE_DEVICES"  # comma list of host QIDs
ENV_QAIC_GID = "QAIC_GID"  # the host's group id of `qaic`
QAIC_SDK = "/opt/qti-aic"  # where Qualcomm's Platform SDK installs itself
ENV_NVIDIA_VISIBLE_DEVICES = "NVIDIA_VISIBLE_DEVICES"

# Model formats that the serving runtime opens, by the names that a runtime definition gives them.
FORMATS = ("onnx", "sklearn", "xgboost", "lightgbm", "pmml", "mlflow", "script")
FORMATS_TENSORFLOW = ("keras", "tensorflow")  # in an image of their own, serving-tensorflow
FORMATS_PYTORCH = ("pytorch",)  # in serving-pytorch
FORMAT_QPC = "qpc"  # programs for Qualcomm's cards: only in an image of the site's own, with the Platform SDK in it

# Disks with models that are folders: mounted at /models-on/DISK in web and runtimes, of the claim airgate-models-DISK.
MODEL_DISKS = "/models-on"
MODEL_CLAIM = "airgate-models-"

# HTTP headers between the gateway and a runtime.
HEADER_GATE = "x-airgate-gate"  # secret, one per deployment; the runtime compares it
HEADER_REQUEST_ID = "x-request-id"
HEADER_MODEL_DIGEST = "x-airgate-model-digest"
METADATA_DEPLOYMENT = "airgate-deployment"  # gRPC metadata: "route/deployment"

# OpenTelemetry's own variables, by which a deployment is told where its traces go and under which name.
ENV_TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT"
ENV_TRACED_AS = "OTEL_SERVICE_NAME"

# Ports inside a pod.
PORT_SERVE_HTTP = 8080  # Open Inference and records
PORT_SERVE_GRPC = 8081  # Open Inference over gRPC
PORT_SERVE_ADMIN = 8082  # probes and metrics
PORT_WEB = 8000  # pages and REST API
PORT_RECONCILER_HEALTH = 8001
PORT_FILES = 8002  # model files for pods
PORT_GATEWAY_HTTPS = 8443
PORT_GATEWAY_HTTP = 8088
PORT_PLUGIN_HTTP = 9400  # the device plugin's probes and metrics

# The user that every container of ours runs as.
UID = 65532
