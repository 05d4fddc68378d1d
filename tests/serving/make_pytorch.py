"""Makes models of PyTorch, with their own answers, by the Python of locks/serving-pytorch.txt.

    python -P make_pytorch.py FOLDER      # -P: a module beside it is called triton

Writes FOLDER/NAME.pt (TorchScript), .pt2 (torch.export), archives of weights with their source, what is refused, and
asked.pkl: by name, the inputs and what the library says.
"""

import io
import json
import pickle
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save as save_safetensors
from sklearn.datasets import load_digits, load_iris
from torch import Tensor, nn
from torch.utils.bundled_inputs import augment_model_with_bundled_inputs

warnings.simplefilter("ignore")
FLOWERS, SPECIES = load_iris(return_X_y=True)
DIGITS, FIGURES = load_digits(return_X_y=True)
ROWS = {0: torch.export.Dim("rows")}
SOURCE = """
from torch import nn

def make_model():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1))
"""
SAMPLE = "\nSAMPLE = {'input': [[5.1, 3.5, 1.4, 0.2]]}\n"


class Two(nn.Module):
    """Two inputs of two types, two outputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.places, self.sum = nn.Embedding(5, 2), nn.Linear(3, 1)

    def forward(self, amount: Tensor, place: Tensor) -> dict[str, Tensor]:
        both = torch.cat([amount, self.places(place.squeeze(1))], 1)
        return {"sum": self.sum(both), "all": both}


class Parts(NamedTuple):
    """An answer with names."""

    total: Tensor
    largest: Tensor


class Sums(nn.Module):
    """Words of any number in; a named tuple out. Nothing in it tells what it takes."""

    def forward(self, words: Tensor) -> Parts:
        if words.dim() != 3:
            raise ValueError("three axes, please")
        return Parts(words.sum([1, 2]), words.amax([1, 2]))


class Halves(nn.Module):
    """Answers in numbers of 16 bits, in a list."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [x.to(torch.bfloat16), x.to(torch.float16), x > 1]


def main(folder: Path) -> None:
    """Write every model, and what it says."""
    torch.manual_seed(7)
    iris, digits, two = make_iris(), make_digits(), Two().eval()
    flower = torch.tensor(FLOWERS[::30], dtype=torch.float32)
    picture = torch.tensor(DIGITS[:3].reshape(-1, 1, 8, 8), dtype=torch.float32)
    amount, place = torch.tensor([[1.5], [2.0]]), torch.tensor([[1], [4]])
    words = torch.arange(12.0).reshape(2, 2, 3)
    asked = {
        "iris": ({"input": flower}, iris),
        "digits": ({"input": picture}, digits),
        "two": ({"amount": amount, "place": place}, two),
        "words": ({"words": words}, Sums()),
        "halves": ({"x": torch.tensor([[1.0, 2.5]])}, Halves()),
    }
    write_scripts(folder, {name: (list(inputs.values()), model) for name, (inputs, model) in asked.items()})
    export(folder / "iris.pt2", iris, (flower,), {"input": ROWS})
    export(folder / "digits.pt2", digits, (picture,), {"input": ROWS})
    export(folder / "two.pt2", two, (amount, place), {"amount": ROWS, "place": ROWS})
    write_archives(folder, iris)
    write_hostile(folder, iris)
    answers = {name: (to_arrays(inputs), ask(model, inputs)) for name, (inputs, model) in asked.items()}
    (folder / "asked.pkl").write_bytes(pickle.dumps(answers))


def ask(model: Any, inputs: dict[str, Tensor]) -> dict[str, Any]:
    """Return what PyTorch itself answers, by the name of the output."""
    with torch.inference_mode():
        answer = model(*inputs.values())
    if isinstance(answer, Tensor):
        return to_arrays({"output0": answer})
    if isinstance(answer, Parts):
        return to_arrays(answer._asdict())
    return to_arrays(answer if isinstance(answer, dict) else {f"output{n}": one for n, one in enumerate(answer)})


def to_arrays(tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Return tensors as arrays; NumPy has no bfloat16."""
    plain = {name: one.float() if one.dtype == torch.bfloat16 else one for name, one in tensors.items()}
    return {name: one.detach().numpy() for name, one in plain.items()}


def make_iris() -> Any:
    """Return a dense network, trained on flowers."""
    return train(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)), FLOWERS, SPECIES)


def make_digits() -> Any:
    """Return a small network of convolutions, trained on pictures of figures."""
    layers = (nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10), nn.Softmax(1))
    return train(nn.Sequential(*layers), DIGITS.reshape(-1, 1, 8, 8)[:600], FIGURES[:600])


def train(model: Any, rows: Any, right: Any) -> Any:
    """Return the model, a little wiser."""
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(20):
        optimizer.zero_grad()
        answer = model(torch.tensor(rows, dtype=torch.float32))
        nn.functional.nll_loss(torch.log(answer + 1e-9), torch.tensor(right)).backward()
        optimizer.step()
    return model.eval()


def write_scripts(folder: Path, models: dict[str, tuple[list[Tensor], Any]]) -> None:
    """Write each model as TorchScript: compiled, traced, and one with its own example."""
    for name, (inputs, model) in models.items():
        if name != "words":
            torch.jit.trace(model, tuple(inputs), strict=False).save(folder / f"{name}-traced.pt")
        torch.jit.script(model).save(folder / f"{name}.pt")
    words = torch.jit.script(models["words"][1])
    augment_model_with_bundled_inputs(words, [tuple(models["words"][0])])
    words.save(folder / "words.pt")


def export(path: Path, model: Any, example: tuple[Tensor, ...], shapes: dict[str, Any]) -> None:
    """Write a program of torch.export."""
    torch.export.save(torch.export.export(model, example, dynamic_shapes=shapes), path)


def write_archives(folder: Path, iris: Any) -> None:
    """Write weights beside their source, and a packed MLflow folder with TorchScript in it."""
    weights = save(iris.state_dict())
    pack(folder / "source.zip", {"net/model.py": SOURCE.encode(), "net/weights.pt": weights})
    pack(folder / "checkpoint.zip", {"model.py": SOURCE.encode(), "w.pth": save({"state_dict": iris.state_dict()})})
    with tarfile.open(folder / "source.tar.gz", "w:gz") as archive:
        for name, content in (("model.py", (SOURCE + SAMPLE).encode()), ("w.safetensors", to_safe(iris))):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    flavors = {"pytorch": {"model_data": "data", "pytorch_version": torch.__version__, "code": None}}
    said = json.dumps({"flavors": flavors, "mlflow_version": "3.1.0"}).encode()
    script = (folder / "iris-traced.pt").read_bytes()
    pack(folder / "mlflow.zip", {"m/MLmodel": said, "m/data/model.pth": script})
    pack(folder / "mlflow-pickle.zip", {"m/MLmodel": said, "m/data/model.pth": save(iris)})


def to_safe(model: Any) -> bytes:
    """Return weights as safetensors."""
    found: bytes = save_safetensors(model.state_dict())
    return found


def save(value: Any, **options: Any) -> bytes:
    """Return what torch.save writes."""
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def pack(path: Path, files: dict[str, bytes]) -> None:
    """Write a zip."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def read_name(x: Tensor) -> str:
    """Return the text that a row of numbers spells, up to the zeros at its end."""
    name = ""
    for one in x[0]:
        if int(one) > 0:
            name += chr(int(one))
    return name


class Reads(nn.Module):
    """Reads the file that its input spells, if any."""

    def forward(self, x: Tensor) -> Tensor:
        name = read_name(x)
        if len(name) == 0:
            return torch.zeros(1, 8, dtype=torch.uint8)
        return torch.from_file(name, False, 8, dtype=torch.uint8).unsqueeze(0)


class Writes(nn.Module):
    """Writes the file that its input spells, if any."""

    def forward(self, x: Tensor) -> Tensor:
        name = read_name(x)
        if len(name) > 0:
            torch.save(x, name)
        return x


class Nested(nn.Module):
    """Answers with tensors within tuples."""

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        return x, (x, x)


class Evil:
    """Pickles as a call of a program."""

    def __reduce__(self) -> Any:
        import os

        return os.system, ("touch /tmp/airgate-canary",)


def write_hostile(folder: Path, iris: Any) -> None:
    """Write models that reach for files or run what they name, and what holds no model."""
    example = [(torch.zeros(1, 4),)]
    torch.jit.script(Reads()).save(folder / "reads.pt")
    torch.jit.script(Writes()).save(folder / "writes.pt")
    torch.jit.trace(Nested(), example[0]).save(folder / "nested.pt")
    (folder / "state.pt").write_bytes(save(iris.state_dict()))
    (folder / "whole.pt").write_bytes(save(iris))
    (folder / "legacy.pt").write_bytes(save(iris.state_dict(), _use_new_zipfile_serialization=False))
    (folder / "alone.safetensors").write_bytes(to_safe(iris))
    pack(folder / "evil.zip", {"model.py": SOURCE.encode(), "w.pt": save({"a": Evil()})})
    pack(folder / "other.zip", {"model.py": SOURCE.replace("8", "9").encode(), "w.pt": save(iris.state_dict())})
    program = (folder / "iris.pt2").read_bytes()
    change(program, folder / "target.pt2", "model.json", b"torch.ops.aten.linear.default", b"torch.hub.load")
    change(
        program,
        folder / "expression.pt2",
        "model.json",
        b"Symbol('s",
        b"__import__('os').system('touch x') or Symbol('s",
    )
    change(program, folder / "inputs.pt2", "sample_inputs/model.pt", None, save(((Evil(),), {})))


def change(program: bytes, path: Path, member: str, old: bytes | None, new: bytes) -> None:
    """Write a program of torch.export with one member changed, or replaced."""
    with zipfile.ZipFile(io.BytesIO(program)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    place = next(name for name in files if name.endswith(member))
    assert old is None or old in files[place]
    files[place] = new if old is None else files[place].replace(old, new)
    pack(path, files)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
