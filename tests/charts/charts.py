"""The charts as tests see them: their files, their values, and what helm makes of both."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHARTS = ROOT / "charts"
NAMES = ("airgate-device-plugin", "airgate-runtimes", "airgate-webapp", "airgate")
NAMESPACE = "airgate-system"
KUBERNETES = "1.34.4"  # what `helm template` takes the cluster to be


def find_ci_values() -> list[tuple[str, Path]]:
    """Return (chart, file) of every ci/*-values.yaml there is."""
    return [(path.parent.parent.name, path) for path in sorted(CHARTS.glob("*/ci/*.yaml"))]


def read_yaml(path: Path) -> Any:
    """Return a YAML file's content."""
    return yaml.safe_load(path.read_text())


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one template makes: the file's path in its chart, and its object."""

    template: str
    object: dict[str, Any]

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.object["kind"])

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.object["metadata"]["name"])


@dataclass(frozen=True, slots=True)
class Helm:
    """The real helm, and the packed charts. program: its path; packed: folder of the .tgz files."""

    program: Path
    packed: Path

    def pack(self) -> None:
        """Pack all charts, each with those it needs."""
        command = [CHARTS / "package.sh", self.packed]
        done = subprocess.run(command, env={"HELM": str(self.program), "PATH": "/usr/bin:/bin"}, capture_output=True,
                              text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr

    def find_packed(self, chart: str) -> Path:
        """Return a chart's package."""
        return next(self.packed.glob(f"{chart}-[0-9]*.tgz"))

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run helm; return what it said."""
        return subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False)

    def template(
        self, chart: str, *arguments: str | Path, namespace: str = NAMESPACE
    ) -> subprocess.CompletedProcess[str]:
        """Run `helm template` on a packed chart."""
        fixed = ("--namespace", namespace, "--kube-version", KUBERNETES)
        return self.run("template", "airgate", self.find_packed(chart), *fixed, *arguments)

    def render(self, chart: str, values: Path) -> list[Rendered]:
        """Return every object that a chart makes of a file of values."""
        done = self.template(chart, "--values", values)
        assert done.returncode == 0, done.stderr
        return list(map(read_rendered, split_documents(done.stdout)))


def split_documents(text: str) -> list[str]:
    """Return the documents of `helm template`, without the empty ones."""
    return [part for part in text.split("\n---\n") if "\nkind: " in part]


def read_rendered(text: str) -> Rendered:
    """Return one document with the template that it says it comes from."""
    source = next(line for line in text.splitlines() if line.startswith("# Source: "))
    return Rendered(source.removeprefix("# Source: "), yaml.safe_load(text))


def find_pod_spec(item: Rendered) -> dict[str, Any] | None:
    """Return the pod that an object makes; None when it makes none."""
    spec = item.object.get("spec", {})
    template = spec.get("template") if isinstance(spec, dict) else None
    return template["spec"] if template else None
