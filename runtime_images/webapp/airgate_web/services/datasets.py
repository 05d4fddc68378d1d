"""Data sets: keeping a file under a name, showing its first lines as they stand, removing it. None is parsed here."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from airgate_web.domain.dataset import DataSet
from airgate_web.domain.errors import Conflict, NotFound
from airgate_web.domain.names import read_route, read_text
from airgate_web.domain.user import User
from airgate_web.services.desk import Desk
from airgate_web.services.models import read_filename, remove_unused, require_file
from airgate_web.services.projects import find_project

HEAD_BYTES = 16 * 1024
HEAD_LINES = 20


def keep_dataset(
    desk: Desk, user: User, route: str, name: str, filename: str, source: Iterator[bytes], description: str = ""
) -> DataSet:
    """Keep a file as the data set `name` and return it.

    source: the file in chunks, read once. Raises Invalid, Conflict, TooLarge or Unavailable; a refused file leaves
    nothing behind.
    """
    with desk.meter.counting("upload"):
        find_project(desk, route)
        read_route("Data set name", name)
        require_free(desk, route, name)
        words = (route, name, read_filename(filename), read_text("Description", description))
        dataset = store_dataset(desk, user, words, source)
    desk.note(user, "keep", f"data set {route}/{name}", dataset.digest)
    return dataset


def require_free(desk: Desk, route: str, name: str) -> None:
    """Raise Conflict before anything is read when the name is taken."""
    if desk.store.find_dataset(route, name):
        raise Conflict(
            f"There is a data set '{name}' already in project '{route}'.",
            "Choose another name, or delete that one first.",
        )


def store_dataset(desk: Desk, user: User, words: tuple[str, str, str, str], source: Iterator[bytes]) -> DataSet:
    """Keep the file, then its name; what a refusal leaves unused is removed. words: route, name, file name, text."""
    route, name, filename, description = words
    digest, size = desk.blobs.put(source, desk.upload_limit)
    with desk.uploads.hold(digest, partial(remove_unused, desk, digest)):
        require_file(desk, filename, digest, size)
        dataset = DataSet(route, name, filename, digest, size, desk.clock.now(), user.name, description)
        desk.store.add_dataset(dataset)
    return dataset


def list_datasets(desk: Desk, route: str) -> Sequence[DataSet]:
    """Return a project's data sets by name; NotFound when there is no such project."""
    find_project(desk, route)
    return desk.store.list_datasets(route)


def find_dataset(desk: Desk, route: str, name: str) -> DataSet:
    """Return a data set; NotFound when there is none."""
    dataset = desk.store.find_dataset(route, name)
    if dataset is None:
        find_project(desk, route)
        raise NotFound(f"There is no data set '{name}' in project '{route}'.", "Choose one of its list of data sets.")
    return dataset


def find_file(desk: Desk, dataset: DataSet) -> Path:
    """Return where a data set's file lies; NotFound when somebody took it away."""
    path = desk.blobs.find(dataset.digest)
    if path is None:
        raise NotFound(f"The file of the data set '{dataset.name}' is missing.", "Restore it from a backup.")
    return path


def read_head(desk: Desk, dataset: DataSet) -> str:
    """Return the first lines as plain text, or "" when the file is no text."""
    with desk.blobs.open(dataset.digest) as file:
        head = file.read(HEAD_BYTES)
    if b"\0" in head:
        return ""
    lines = head.decode("utf-8", errors="replace").splitlines()
    whole = lines[:-1] if len(head) < dataset.size and len(lines) > 1 else lines  # the last one may be cut off
    return "\n".join(whole[:HEAD_LINES])


def remove_dataset(desk: Desk, user: User, route: str, name: str) -> None:
    """Remove a data set and, when nothing else has the same file, the file."""
    dataset = find_dataset(desk, route, name)
    desk.store.remove_dataset(route, name)
    with desk.uploads.hold(dataset.digest, partial(remove_unused, desk, dataset.digest)):
        pass  # the last to leave removes the file
    desk.note(user, "remove", f"data set {route}/{name}")
