"""Models: publishing a file as the next version of a name, looking at versions, removing a model."""

import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial

from airgate_web.domain.errors import Conflict, Invalid, NotFound, Unavailable
from airgate_web.domain.model import Model, ModelVersion
from airgate_web.domain.names import read_route, read_text, read_title
from airgate_web.domain.user import User
from airgate_web.ports import Inspection
from airgate_web.services.desk import Desk
from airgate_web.services.projects import find_project
from airgate_web.services.runtimes import find_runtime
from airgate_web.services.scanning import inspect_allowed, note_permit, read_reason

LATEST = "latest"


def publish_model(
    desk: Desk,
    user: User,
    route: str,
    name: str,
    filename: str,
    source: Iterator[bytes],
    description: str = "",
    runtime: str = "",
    override_reason: str = "",
) -> ModelVersion:
    """Keep a model file as the next version of `name` and return it, with the signature read in the sandbox.

    source: the file in chunks, read once. runtime: slug of the environment that inspects it, or the first that can.
    override_reason: why an administrator allows it past the scanner, should that refuse it. Raises Invalid, Forbidden,
    TooLarge, BadModel or Unavailable; a refused file leaves nothing behind.
    """
    with desk.meter.counting("upload"):
        find_project(desk, route)
        read_route("Model name", name)
        words = (route, name, read_filename(filename), read_text("Description", description))
        reason = read_reason(user, override_reason) if override_reason else ""
        chosen = find_runtime(desk, runtime).slug if runtime else ""
        version = keep_version(desk, user, words, source, chosen, reason)
    desk.note(user, "publish", f"model {route}/{name}", f"version {version.version}, {version.digest}")
    note_permit(desk, user, version)
    return version


def keep_version(
    desk: Desk, user: User, words: tuple[str, str, str, str], source: Iterator[bytes], runtime: str, reason: str
) -> ModelVersion:
    """Keep the file, have it inspected, keep the version; what a refusal leaves unused is removed."""
    digest, size = desk.blobs.put(source, desk.upload_limit)
    with desk.uploads.hold(digest, partial(remove_unused, desk, digest)):
        require_file(desk, words[2], digest, size)
        found, permit = inspect_allowed(desk, user, runtime, (digest, words[2]), reason)
        made = make_version(desk, user, words, (digest, size), found)
        return desk.store.add_version(dataclasses.replace(made, permit=permit))


def require_file(desk: Desk, filename: str, digest: str, size: int) -> None:
    """Raise Invalid for an empty file, and Unavailable when another upload's refusal just took the same file away."""
    if not size:
        raise Invalid(f"The file '{filename}' is empty.", "Choose the whole file; this one has 0 bytes.")
    if desk.blobs.find(digest) is None:
        raise Unavailable("The same file was refused in another upload at this moment.", "Upload it again.")


def remove_unused(desk: Desk, digest: str) -> None:
    """Remove a file that no version and no deployment names."""
    if digest not in desk.store.list_digests():
        desk.blobs.remove(digest)


def make_version(
    desk: Desk, user: User, words: tuple[str, str, str, str], file: tuple[str, int], found: Inspection
) -> ModelVersion:
    """Return the version as it will be kept. words: route, name, filename, description. file: digest and size."""
    route, name, filename, description = words
    return ModelVersion(
        project=route,
        model=name,
        version=0,  # the store counts
        format=found.format,
        filename=filename,
        digest=file[0],
        size=file[1],
        signature=found.signature,
        task=found.task,
        libraries=found.libraries,
        created=desk.clock.now(),
        created_by=user.name,
        description=description,
        sample=found.sample,
    )


def read_filename(text: str) -> str:
    """Return the last part of a file's path as a browser or a script sends it; Invalid when nothing is left."""
    return read_title("File name", text.replace("\\", "/").rsplit("/", 1)[-1])


def list_models(desk: Desk, route: str) -> Sequence[Model]:
    """Return a project's models by name; NotFound when there is no such project."""
    find_project(desk, route)
    return desk.store.list_models(route)


def find_model(desk: Desk, route: str, name: str) -> Model:
    """Return a model with its newest version; NotFound when there is none."""
    model = desk.store.find_model(route, name)
    if model is None:
        find_project(desk, route)
        raise NotFound(f"There is no model '{name}' in project '{route}'.", "Choose one of its list of models.")
    return model


def list_versions(desk: Desk, route: str, name: str) -> Sequence[ModelVersion]:
    """Return a model's versions, newest first; NotFound when there is no such model."""
    find_model(desk, route, name)
    return desk.store.list_versions(route, name)


def find_version(desk: Desk, route: str, name: str, version: str | int = LATEST) -> ModelVersion:
    """Return a version by its number or "latest"; NotFound when there is none."""
    model = find_model(desk, route, name)
    if version in (LATEST, ""):
        return model.latest
    found = desk.store.find_version(route, name, int(version)) if str(version).isdecimal() else None
    if found is None:
        raise NotFound(
            f"The model '{name}' has no version '{version}'.",
            f"Choose 'latest' or a number up to {model.latest.version}.",
        )
    return found


def remove_model(desk: Desk, user: User, route: str, name: str) -> None:
    """Remove a model with all its versions; Conflict, naming the deployment, while one uses it."""
    find_model(desk, route, name)
    for deployment in desk.store.list_deployments(route):
        if name in {model.name for model in deployment.models}:
            raise Conflict(
                f"The model '{name}' is used by the deployment '{deployment.name}'.", "Delete that deployment first."
            )
    digests = {version.digest for version in desk.store.list_versions(route, name) if not version.path}
    desk.store.remove_model(route, name)
    for digest in digests:
        with desk.uploads.hold(digest, partial(remove_unused, desk, digest)):
            pass  # the last to leave removes the file
    desk.note(user, "remove", f"model {route}/{name}")
