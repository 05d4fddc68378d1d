"""The runtimes whose images are too large for every run, in pods of a real cluster: TensorFlow, then PyTorch.

Each has a cluster of its own, since a runtime keeps a tester of a whole core beside it and the node has two.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

from airgate_kit import names
from runtime_images.build_images import Built
from tests.charts import appliance
from tests.charts.charts import Helm
from tests.charts.test_install import LIMIT_S, read_secret
from tests.charts.test_lasting import find_url, is_up
from tests.cluster import Cluster
from tests.cluster.wait import wait_until
from tests.images.built import find_built_images
from tests.kit import formats
from tests.kit.appliance import Appliance
from tests.soak.images import MODELS, build, make_models

FORMATS = {"serving-tensorflow": names.FORMATS_TENSORFLOW, "serving-pytorch": names.FORMATS_PYTORCH}
ROUTE = "formats"
CPU = 0.5
LARGE_LIMIT_S = 300  # an image of 3 GB is unpacked, and its libraries are read for the first time


def run() -> dict[str, Any]:
    """Upload, test, deploy and call every model of each; return formats and seconds. Raises AssertionError."""
    usual = find_built_images()
    with tempfile.TemporaryDirectory(prefix="airgate-pods-") as folder:
        make_models(Path(folder))
        walked = {name: walk_image(usual, build(name), Path(folder)) for name in FORMATS}
    return {"pods": walked, "held": "a deployment's pod answers what the tester's pod answered"}


def walk_image(usual: dict[str, Built], image: Built, folder: Path) -> dict[str, Any]:
    """Return what became of an image's models in a cluster of their own."""
    cluster = Cluster.start_anew("airgate-soak")
    try:
        install(cluster, usual, image, folder)
        wait_until("The console", lambda: is_up(cluster), LIMIT_S)
        person = Appliance(find_url(cluster), "admin", read_secret(cluster, "airgate-keys")["first-password"])
        try:
            return walk_models(person, [folder / model for model in MODELS[image.name]])
        finally:
            person.close()
    finally:
        cluster.remove()


def install(cluster: Cluster, usual: dict[str, Built], image: Built, folder: Path) -> None:
    """Install the appliance with the runtime of one image alone."""
    appliance.bring_images(cluster, {**usual, image.name: image})
    appliance.make_namespace(cluster)
    appliance.simulate_cards(cluster.control, "--cards", "1", "--device-files", "mknod")
    helm = Helm(cluster.artefacts.helm, folder / "charts")
    helm.pack()
    values = appliance.make_values(usual)
    like = values["airgate-runtimes"]["runtimes"][0]
    own = {"slug": image.name, "name": image.name, "image": appliance.name_image(image)}
    values["airgate-runtimes"]["runtimes"] = [{**like, **own, "formats": list(FORMATS[image.name])}]
    appliance.install(cluster, helm, "airgate", "airgate", values, folder)


def walk_models(person: Appliance, files: list[Path]) -> dict[str, Any]:
    """Return each model's format and the seconds from its upload to its prediction."""
    person.send("POST", "/projects", {"name": "Formats", "route": ROUTE})
    wait_until("The tester", lambda: is_read(person, files[0]), LARGE_LIMIT_S)
    walked = {}
    for file in files:
        began = time.monotonic()
        one = formats.walk(person, ROUTE, file, CPU)
        assert one.answered == one.tested, (file.name, one)
        walked[file.name] = {"format": one.format, "seconds": round(time.monotonic() - began, 1)}
    return walked


def is_read(person: Appliance, file: Path) -> bool:
    """Return whether a file is opened by now; False while its tester is on its way up."""
    fields = {"name": "first", "filename": file.name}
    answer = person.http.post(f"/api/v2/projects/{ROUTE}/models", params=fields, content=file.read_bytes())
    assert answer.is_success or answer.status_code == 503, answer.text
    return answer.is_success
