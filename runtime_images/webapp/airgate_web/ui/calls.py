"""How a deployment is called: addresses and commands to copy."""

from nicegui import ui

from airgate_web.domain.deployment import Deployment
from airgate_web.domain.model import Signature
from airgate_web.domain.scaffold import make_curl, make_get, make_sample, make_tensors
from airgate_web.domain.server import Server
from airgate_web.ui.parts import card, show_code, show_note


def show_calls(address: str, one: Deployment, signature: Signature | None, sample: object) -> None:
    """Draw the address and how to call it. signature, sample: of its first model."""
    with card("Call it"):
        if one.server:
            show_server_calls(address, one.server)
            return
        show_code(address)
        if signature is None or one.model is None:
            return
        show_code(make_curl(address, make_sample(signature, sample)), "Records")
        base = address.removesuffix("predict")
        if signature.inputs:  # a script takes no tensors
            with ui.expansion("Open Inference Protocol").props("dense").classes("fold"):
                show_code(make_curl(f"{base}v2/models/{one.model.name}/infer", make_tensors(signature)))
        for other in one.others:
            show_code(f"{base}models/{other.name}/predict", f"Records of {other.name}")
            show_code(f"{base}v2/models/{other.name}/infer", f"Open Inference of {other.name}")


def show_server_calls(address: str, server: Server) -> None:
    """Draw where somebody else's server answers: its own paths follow the deployment's address."""
    show_code(address)
    show_code(make_get(address + server.health), "Its health")
    if server.metrics:
        show_code(make_get(address + server.metrics), "Its metrics, for Prometheus")
    show_note(
        "Every path of the server follows this address. Streams pass as they come, for as long as the timeout says."
    )
