"""The sample project: two models trained here and a data set, put in through the public API."""

import io
from collections.abc import Iterator
from typing import Any

import httpx

from airgate_trial.errors import TrialError
from airgate_trial.home import Settings
from airgate_trial.ready import Door

ROUTE = "samples"
SEED = 7


def make_samples(settings: Settings, door: Door) -> None:
    """Make the project once; a person who deletes it does not get it back."""
    with door.open(sign_in(settings, door)) as client:
        send(client.post("/api/v2/projects", json={"name": "Samples", "route": ROUTE, "description": DESCRIPTION}))
        for name, filename, content in train_models():
            fields = {"name": name, "filename": filename}
            send(client.post(f"/api/v2/projects/{ROUTE}/models", params=fields, content=content))
        fields = {"name": "iris", "filename": "iris.csv"}
        send(client.post(f"/api/v2/projects/{ROUTE}/datasets", params=fields, content=find_iris_csv()))
    settings.home.samples_done.touch()


DESCRIPTION = "Two small models and a data set to click on. Delete it when you have seen enough."


def sign_in(settings: Settings, door: Door) -> str:
    """Return a session token of `admin` with the first password."""
    with door.open() as client:
        wish = {"name": "admin", "password": settings.home.first_password.read_text().strip()}
        return str(send(client.post("/api/v2/session", json=wish))["token"])


def send(answer: httpx.Response) -> Any:
    """Return an answer's JSON; TrialError with the appliance's own sentence when it refused."""
    if answer.is_error:
        raise TrialError("no_samples", f"The sample project could not be made: {answer.text[:300]}")
    return answer.json() if answer.content else None


def train_models() -> Iterator[tuple[str, str, bytes]]:
    """Yield (name, filename, content) of each model."""
    yield "digits", "digits.onnx", train_digits()
    yield "iris", "iris.joblib", train_iris()


def train_digits() -> bytes:
    """Return an ONNX classifier of 8 × 8 images of digits: input `pixels` FP32 [-1, 64], values 0 to 16."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler

    images, labels = load_digits(return_X_y=True)
    model = make_pipeline(MaxAbsScaler(), MLPClassifier((32,), max_iter=300, tol=1e-3, random_state=SEED)).fit(
        images, labels
    )
    types = [("pixels", FloatTensorType([None, 64]))]
    return bytes(to_onnx(model, initial_types=types, options={"zipmap": False}, target_opset=17).SerializeToString())


def train_iris() -> bytes:
    """Return a pickled scikit-learn pipeline that knows its columns by name."""
    import joblib
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = load_iris(as_frame=True)
    features = data.data.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(
        features, data.target_names[data.target]
    )
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


def find_iris_csv() -> bytes:
    """Return the iris data as CSV with a header: four columns in cm and the species."""
    from sklearn.datasets import load_iris

    data = load_iris(as_frame=True)
    frame = data.data.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
    return bytes(frame.assign(species=data.target_names[data.target]).to_csv(index=False).encode())
