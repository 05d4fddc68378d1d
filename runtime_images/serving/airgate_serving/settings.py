"""From the arguments that were typed to what a command is told: read, checked, or refused with a sentence."""

import argparse
import re
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from airgate_serving.config import LOOPBACK, MEBIBYTE, Limits, Ports, ServeConfig
from airgate_serving.errors import BadConfiguration
from airgate_serving.fetch import compute_digest, read_digest
from airgate_serving.jobs.plan import BATCH
from airgate_serving.trials.job import Surroundings

Parsed = argparse.Namespace


def read_config(parsed: Parsed, file: Path, host: str, around: Surroundings, threads: int) -> ServeConfig:
    """Return what a server of one model is told by its arguments. It looks into the file: call it behind the lock.

    Raises BadConfiguration, and BadModelFile for a file of no known format.
    """
    from airgate_serving.formats.table import find_format, guess_format

    return ServeConfig(
        file=file,
        name=parsed.name or make_name(file),
        version=parsed.version,
        digest=parsed.digest or compute_digest(file),
        format=find_format(parsed.format or guess_format(file)).name,
        ports=Ports(host, parsed.http_port, parsed.grpc_port, parsed.admin_port),
        limits=read_limits(parsed),
        threads=threads,
        granted=around.granted,
        nvidia=around.nvidia,
        qids=around.qids,
        qaic_sdk=around.qaic_sdk,
        excused=around.excused,
        access_log=parsed.access_log,
        override=read_override(parsed.override_scanner, bool(parsed.also)),
        repository=parsed.repository,
    )


def add_others(config: ServeConfig, also: Sequence[Sequence[str]], files: Sequence[Path]) -> ServeConfig:
    """Return the settings with those of further models in the same process. also: of each what --also says."""
    from airgate_serving.formats.table import find_format

    others = tuple(
        replace(config, name=name, version=version, digest=digest, format=find_format(form).name, file=place)
        for (name, version, digest, form, _), place in zip(also, files, strict=True)
    )
    require_different(config.name, *(one.name for one in others))
    return replace(config, others=others)


def find_address(host: str) -> str:
    """Return a host name as an address: the locked process cannot look names up. Raises BadConfiguration."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise BadConfiguration(f"The address {host!r} is unknown here.", "Use 127.0.0.1 or 0.0.0.0.") from error


def read_limits(parsed: Parsed) -> Limits:
    """Return the bounds of a server."""
    return Limits(
        queue=parsed.queue,
        deadline_seconds=parsed.deadline,
        window_seconds=parsed.window,
        body_bytes=parsed.max_body_mib * MEBIBYTE,
        linger_seconds=parsed.linger,
        drain_seconds=parsed.drain,
    )


def is_excused(parsed: Parsed, host: str) -> bool:
    """Return whether formats that carry code may be opened without a whole lock: where this machine alone calls."""
    return bool(parsed.open_unlocked) and host in LOOPBACK


def make_name(file: Path) -> str:
    """Return a file's name as one for URLs."""
    return re.sub(r"[^a-z0-9-]+", "-", file.name.split(".")[0].lower()).strip("-") or "model"


def require_different(*given: str) -> None:
    """Raise BadConfiguration when two models have the same name."""
    twice = next((name for name in given if given.count(name) > 1), "")
    if twice:
        raise BadConfiguration(f"Two models have the name {twice}.", "Give each its own: --name, --also NAME …")


def read_override(digest: str, has_others: bool) -> str:
    """Return the digest of the file for which the scanner is overruled, or "". Raises BadConfiguration."""
    if digest:
        read_digest(digest)
    if digest and has_others:
        raise BadConfiguration(
            "A model that was allowed past the scanner shares its process with no other.", "Leave out --also."
        )
    return digest


def find_folder(file: Path) -> Path:
    """Return the folder in which a file may be replaced. Raises BadConfiguration for the root of all files."""
    if file.parent == file.parent.parent:
        raise BadConfiguration(f"{file} lies in the root folder, which no model may read.", "Put it into a folder.")
    return file.parent


def read_job_options(parsed: Parsed) -> tuple[str, ...]:
    """Return the words for the process with the model."""
    lock = ["--landlock", parsed.landlock, *(["--open-unlocked"] if parsed.open_unlocked else [])]
    given = [*lock, "--chunk", str(parsed.chunk), "--format", parsed.format]
    given += ["--threads", str(parsed.threads)] if parsed.threads else []
    if parsed.task == BATCH:
        return (*given, *(f"--keep={name}" for name in parsed.keep))
    return (*given, f"--target={parsed.target}", "--task", parsed.measure)
