"""What variables of the environment say, and which of them a process with a model keeps.

Pure: `cli.py` alone has the environment, and hands it over.
"""

from collections.abc import Mapping
from pathlib import Path

from airgate_kit import names

ENV_GATE_SECRET = "AIRGATE_GATE_SECRET"  # noqa: S105 - the variable's name
ENV_FETCH_TOKEN = "AIRGATE_FETCH_TOKEN"  # noqa: S105 - the variable's name
ENV_JOB_SECRET = "AIRGATE_JOB_SECRET"  # noqa: S105 - the variable's name
ENV_QAIC_SDK = "AIRGATE_QAIC_SDK"
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
TRACE_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
LIBRARY_SETTINGS = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime would report to its maker over the Internet
    "JOBLIB_MULTIPROCESSING": "0",  # joblib would make semaphores, which a locked process may not
    "TF_CPP_MIN_LOG_LEVEL": "3",  # TensorFlow would tell stderr what it finds on the machine
    "KERAS_BACKEND": "tensorflow",
    "KERAS_HOME": "/dev/null",  # Keras would read, and write, settings at home
    "TORCHINDUCTOR_CACHE_DIR": "/tmp",  # noqa: S108 - PyTorch would make a folder of its own, though nothing is put there
}
ENVIRONMENT_KEPT = frozenset({"PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"}) | {
    *THREAD_VARIABLES,
    *LIBRARY_SETTINGS,
    names.ENV_QAIC_VISIBLE_DEVICES,
    names.ENV_NVIDIA_VISIBLE_DEVICES,
}


def read_grant(environment: Mapping[str, str]) -> tuple[str, bool]:
    """Return what cards this process was given, as resource and ids, and whether NVIDIA's are among them."""
    qaic = environment.get(names.ENV_QAIC_VISIBLE_DEVICES, "").strip()
    nvidia = environment.get(names.ENV_NVIDIA_VISIBLE_DEVICES, "").strip()
    has_nvidia = nvidia not in ("", "void", "none")
    cards = [f"{names.RESOURCE_QAIC} {qaic}"] if qaic else []
    cards += [f"{names.RESOURCE_GPU} {nvidia}"] if has_nvidia else []
    return ", ".join(cards), has_nvidia


def read_qids(environment: Mapping[str, str]) -> tuple[int, ...]:
    """Return the host-global numbers of the Qualcomm cards that this process was given."""
    words = environment.get(names.ENV_QAIC_VISIBLE_DEVICES, "").split(",")
    return tuple(int(word) for word in words if word.strip().isdecimal())


def find_sdk(environment: Mapping[str, str]) -> str:
    """Return where Qualcomm's Platform SDK lies."""
    return str(Path(environment.get(ENV_QAIC_SDK) or names.QAIC_SDK).absolute())


def asks_for_traces(environment: Mapping[str, str]) -> bool:
    """Return whether a variable names a collector of traces."""
    return any(environment.get(name) for name in TRACE_VARIABLES)


def find_kept(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a process with a model may know: no secret, no token."""
    return {name: value for name, value in environment.items() if name in ENVIRONMENT_KEPT}


def make_call_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return all that a test call inherits: one thread for what is imported before the fork."""
    return {**find_kept(environment), **dict.fromkeys(THREAD_VARIABLES, "1"), **LIBRARY_SETTINGS}
