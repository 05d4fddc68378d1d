"""Models that are folders: registered where they lie, by path and manifest, because they are too large to be sent."""

import re

from airgate_web.domain.errors import Invalid
from airgate_web.domain.model import FOLDER_FORMAT, ModelVersion, Signature
from airgate_web.domain.names import read_route, read_text
from airgate_web.domain.user import User
from airgate_web.services.desk import Desk
from airgate_web.services.projects import find_project

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
PATH_MAX = 1000


def register_model(
    desk: Desk, user: User, route: str, name: str, path: str, digest: str, description: str = ""
) -> ModelVersion:
    """Keep a folder as the next version of `name` and return it; no byte of it is read here but its manifest.

    digest: of the manifest, as `airgate-serve manifest` prints it. Raises Invalid when the path lies outside the
    allowed places, the manifest has another digest, or a file is missing or has another size.
    """
    find_project(desk, route)
    read_route("Model name", name)
    path, digest = path.strip().rstrip("/"), digest.strip()
    if not DIGEST.fullmatch(digest):
        raise Invalid(
            f"The manifest's digest '{digest[:80]}' is not sha256: and 64 hex digits.",
            "Write the one that airgate-serve manifest printed.",
        )
    if len(path) > PATH_MAX or not path.isprintable():
        raise Invalid(f"The path has more than {PATH_MAX} characters, or one that cannot be shown.", "Move the folder.")
    version = ModelVersion(
        project=route,
        model=name,
        version=0,  # the store counts
        format=FOLDER_FORMAT,
        filename=path.rpartition("/")[2],
        digest=digest,
        size=desk.folders.measure(path, digest),
        signature=Signature((), ()),
        task="",
        libraries={},
        created=desk.clock.now(),
        created_by=user.name,
        description=read_text("Description", description),
        path=path,
    )
    kept = desk.store.add_version(version)
    desk.note(user, "register", f"model {route}/{name}", f"version {kept.version}, {path}, {digest}")
    return kept
