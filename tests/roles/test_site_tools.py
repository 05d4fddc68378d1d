"""A site without a network gets Ansible and these playbooks with the bundle."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from ansible.module_utils.airgate_site_tools import SiteToolsRefused, apply_tools, plan_download

from tests.roles.conftest import REPOSITORY

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
WHEEL = "tool-1-py3-none-any.whl"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of one commit, whose lock names one wheel that pip finds in a folder."""
    (tmp_path / "index").mkdir()
    write_wheel(tmp_path / "index" / WHEEL)
    root = tmp_path / "repository"
    root.mkdir()
    digest = hashlib.sha256((tmp_path / "index" / WHEEL).read_bytes()).hexdigest()
    (root / "lock.txt").write_text(f"tool==1 --hash=sha256:{digest}\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "-c", "user.name=a", "-c", "user.email=a@site", "commit", "-q", "-m", "one")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return root


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder."""
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def write_wheel(path: Path) -> None:
    """Write a wheel that holds nothing."""
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tool-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tool\nVersion: 1\n")
        wheel.writestr("tool-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tool-1.dist-info/RECORD", "")


def apply(bundle: Path, repository: Path, check: bool = False) -> bool:
    """Bring the bundle to what the release wishes."""
    return apply_tools(bundle, repository, {"lock": "lock.txt", "pythons": [HERE]}, "linux/amd64", check)


def test_wheels_and_repository_come_along_once(repository: Path, tmp_path: Path) -> None:
    """A second build fetches nothing, one that was cut fetches again, a release without takes them out."""
    bundle = tmp_path / "bundle"
    assert apply(bundle, repository, check=True)
    assert not bundle.exists()
    assert apply(bundle, repository)
    assert (bundle / "ansible/wheels" / WHEEL).exists()
    with tarfile.open(bundle / "ansible/airgate.tar.gz") as archive:
        assert "airgate/lock.txt" in archive.getnames()
    assert not apply(bundle, repository)
    (bundle / "ansible/requirements.txt").unlink()
    assert apply(bundle, repository)
    assert apply_tools(bundle, repository, {}, "linux/amd64", False)
    assert not (bundle / "ansible").exists()


def test_a_wheel_of_another_content_is_refused(repository: Path, tmp_path: Path) -> None:
    """The hashes of the lock count."""
    (repository / "lock.txt").write_text(f"tool==1 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(SiteToolsRefused, match="Ansible's wheels cannot be fetched"):
        apply(tmp_path / "bundle", repository)
    assert not (tmp_path / "bundle/ansible/requirements.txt").exists()


def test_wheels_are_those_of_the_sites_python_and_not_of_this_machines() -> None:
    """The lock names one version of each package for all of them, with hashes."""
    command = plan_download("3.12", "linux/amd64", Path("lock"), Path("to"))
    assert {"--python-version=3.12", "--abi=cp312", "--abi=abi3", "--require-hashes"} <= set(command)
    with pytest.raises(SiteToolsRefused, match="no wheels for windows"):
        plan_download("3.12", "windows", Path("lock"), Path("to"))
    lines = (REPOSITORY / "locks/ansible.txt").read_text().splitlines()
    pinned = [line.split("==")[0] for line in lines if "==" in line]
    assert len(pinned) == len(set(pinned))
    assert {"ansible-core", "pip"} <= set(pinned)
