"""Where the tests of the REST API find things, and how they publish a model."""

INTERNAL = "internal-token"
MODELS = "/api/v2/projects/qc/models"
LIVE = "/api/v2/projects/qc/deployments"
WISH = {"name": "live", "model": "digits", "accelerators": 1, "resource": "qualcomm.com/qaic"}


def upload(client, body=b"model", **query):
    """Publish a raw body."""
    return client.post(MODELS, params={"name": "digits", "filename": "d.onnx"} | query, content=body)
