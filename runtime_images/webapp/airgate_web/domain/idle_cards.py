"""Whether cards lie idle beside a model: what our serving runtime can compute on, by the model's format. Pure."""

from airgate_web.domain.amounts import Amounts

# As its formats say (airgate_serving/formats): an MLflow folder may hold an ONNX model; the rest know the CPU alone.
COMPUTES_ON = {
    **dict.fromkeys(("onnx", "mlflow", "keras", "tensorflow"), "nvidia.com/"),
    "qpc": "qualcomm.com/",
}


def has_provider(format_name: str, resource: str) -> bool:
    """Return whether our runtime may use such a card for such a model; whether it does shows only once it runs."""
    maker = COMPUTES_ON.get(format_name, "")
    return bool(maker) and resource.startswith(maker)


def write_idle_cards(amounts: Amounts, format_name: str) -> str:
    """Return the sentence on cards that are held for nothing."""
    return (
        f"Holds {amounts.accelerators} {amounts.resource} but computes on the CPU: "
        f"this runtime has no provider that uses it for {format_name} models."
    )
