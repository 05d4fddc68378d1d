"""What an installation takes: the bundle's size, site.yml on a bare node without a way out, deploy to ready there."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from airgate_kit import names
from airgate_trial.samples import train_models
from tests.bench.figures import Figure, find_median
from tests.bench.load import RUNS
from tests.charts.appliance import simulate_cards
from tests.cluster import Node, remove_left
from tests.journeys import site
from tests.kit import card_loss
from tests.kit.appliance import Appliance

NODE = "airgate-bench"
ROUTE = "bench"
Answer = TypeVar("Answer")
PASSWORD = 'go-template={{index .data "first-password" | base64decode}}'


def find_figures() -> list[Figure]:
    """Build a bundle, install it twice, deploy; the node is removed at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = site.make_key(folder / "sender")
        medium = folder / "medium"
        medium.mkdir()
        release = site.write_release(folder / "release.yml")
        seconds, built = measure(lambda: site.build_bundle(medium / "good", release, key))
        assert built.status == 0, built.output[-3000:]
        size = sum(file.stat().st_size for file in (medium / "good").rglob("*") if file.is_file())
        remove_left(NODE)
        node = Node.bare(NODE, egress=False, mounts={medium: site.MEDIUM})
        try:
            figures = measure_node(node, folder, key.with_suffix(".pub").read_text().strip())
        finally:
            node.remove()
    bundle = [Figure("bundle, size", "MB", round(size / 1e6, 1)), Figure("bundle, build and sign", "s", seconds)]
    return [*bundle, *figures]


def measure_node(node: Node, folder: Path, public_key: str) -> list[Figure]:
    """Return seconds of the first and the second site.yml, and of deploys."""
    simulate_cards(node, "--cards", "2", "--device-files", "mknod")
    inventory = site.write_inventory(folder / "hosts.yml", node, public_key)
    figures = []
    for turn, changes in (("first", True), ("second", False)):
        seconds, played = measure(lambda: site.play("site.yml", "-i", str(inventory)))
        assert played.status == 0, played.output[-3000:]
        assert bool(played.changed) is changes
        figures.append(Figure(f"site.yml, {turn} run", "s", seconds))
    return [*figures, *measure_deploys(node)]


def measure_deploys(node: Node) -> list[Figure]:
    """Return seconds from the wish to Ready in Kubernetes, for each sample model."""
    ask = ("get", "secret", "airgate-keys", "-n", names.NAMESPACE_SYSTEM, "-o", PASSWORD)
    password = node.exec("/snap/bin/microk8s", "kubectl", *ask).stdout.strip()
    appliance = Appliance(f"https://{node.address}", "admin", password)
    appliance.send("POST", "/projects", {"name": "Bench", "route": ROUTE})
    figures = []
    for model, filename, content in train_models():
        appliance.upload(ROUTE, model, filename, content)
        runs = [measure_deploy(appliance, model, number) for number in range(RUNS)]
        figures.append(find_median(f"deploy to ready, Kubernetes, {model}", "s", runs))
    figures.append(measure_losses(node, appliance))
    appliance.close()
    return figures


def measure_losses(node: Node, appliance: Appliance) -> Figure:
    """Return seconds from a granted card's death to the next good prediction in Kubernetes, a spare being there."""
    appliance.upload(ROUTE, card_loss.MODEL, "who.py", card_loss.SCRIPT)
    token = card_loss.deploy(appliance, ROUTE, card_loss.MODEL)
    runs = []
    for _ in range(RUNS):
        card = card_loss.find_card(appliance, ROUTE, card_loss.MODEL)
        loss = card_loss.measure_loss(
            appliance, ROUTE, card_loss.MODEL, token, lambda card=card: simulate_cards(node, "--lose", card)
        )
        runs.append(loss.seconds)
        simulate_cards(node, "--restore", card)
        appliance.wait_until_ready(ROUTE, card_loss.MODEL)
    appliance.remove_deployment(ROUTE, card_loss.MODEL)
    return find_median("card's death to the next good prediction, Kubernetes", "s", runs, goal="<= 15")


def measure_deploy(appliance: Appliance, model: str, number: int) -> float:
    """Return seconds from the wish to Ready; the deployment is removed again."""
    name = f"{model}-{number}"
    appliance.deploy(ROUTE, name, model=model, cpu=0.5)
    seconds, _ = measure(lambda: appliance.wait_until_ready(ROUTE, name))
    appliance.remove_deployment(ROUTE, name)
    return seconds


def measure(act: Callable[[], Answer]) -> tuple[float, Answer]:
    """Return how many seconds `act` took, and its answer."""
    begin = time.monotonic()
    answer = act()
    return round(time.monotonic() - begin, 2), answer
