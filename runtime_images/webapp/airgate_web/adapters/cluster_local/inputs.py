"""The files that a replica's process works on: its models, and a job's data set."""

from collections.abc import Callable
from pathlib import Path

from airgate_kit.manifest import BadFolder, judge_folder
from airgate_web.domain.workload import ModelFile, Workload

FindBlob = Callable[[str], Path | None]  # the file of a digest, None when it is not stored here


class Missing(Exception):
    """A file is not here, or not what it was; the message says which, and why."""


def find_inputs(wish: Workload, find_blob: FindBlob) -> list[Path]:
    """Return the models' files or folders, and a job's data set; none of a tester. Raises Missing."""
    found = [find_model(model, find_blob) for model in (wish.model, *wish.others) if model]
    return [*found, find_file(wish.run.data.digest, find_blob)] if wish.run else found


def find_model(model: ModelFile, find_blob: FindBlob) -> Path:
    """Return a model's file, or its folder on a disk. Raises Missing."""
    return find_folder(model) if model.path else find_file(model.digest, find_blob)


def find_folder(model: ModelFile) -> Path:
    """Return the folder of a model that lies on a disk; Missing when it is not what its manifest says."""
    try:
        judge_folder(Path(model.path), model.digest)
    except BadFolder as why:
        raise Missing(f"{why.sentence} {why.hint}") from None
    return Path(model.path)


def find_file(digest: str, find_blob: FindBlob) -> Path:
    """Return a stored file; Missing when it is not here."""
    path = find_blob(digest)
    if path is None:
        raise Missing(f"the file {digest} is not stored here")
    return path
