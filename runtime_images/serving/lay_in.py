"""Makes the wheels of a serving image ready while it is built: trimmed, compiled, known to the loader.

In: the folder of the wheels. Out: LAYER, a tree to copy over the root of the image. Equal wheels give equal trees.
"""

import compileall
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

# Headers, tests, compilers. Triton and clang compile at run time, but a locked process starts no program.
UNUSED = (
    *("tensorflow/include", "torch/include", "torch/share", "torch/test", "torch/bin/protoc*", "nvidia/*/include"),
    *("clang", "triton", "**/*.a"),
)
LOADER = Path("/etc")  # its list of folders, and the cache that it makes of them


def main() -> None:
    """Trim and compile the folder in the first argument, then move it into the tree in the second."""
    wheels, layer = map(Path, sys.argv[1:])
    remove_unused(wheels)
    compileall.compile_dir(wheels, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    if folders := find_libraries(wheels):
        tell_loader(folders, layer / "etc")
    inside = layer / wheels.relative_to("/")
    inside.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(wheels, inside)


def remove_unused(wheels: Path) -> None:
    """Remove what no served model needs."""
    for pattern in UNUSED:
        for path in list(wheels.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def find_libraries(wheels: Path) -> list[str]:
    """Return the folders with NVIDIA's libraries: ONNX Runtime does not know them by itself."""
    return sorted(map(str, wheels.glob("nvidia/*/lib")))


def tell_loader(folders: list[str], into: Path) -> None:
    """Put the folders into the loader's list and leave list and cache in `into`.

    An environment variable would do for no process that is started without one, and the container runtime sets its own.
    """
    (LOADER / "ld.so.conf.d/airgate.conf").write_text("\n".join(folders) + "\n")
    subprocess.run(["/sbin/ldconfig", "-X"], check=True)  # -X: no links into the wheels
    for name in ("ld.so.conf.d/airgate.conf", "ld.so.cache"):
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(LOADER / name, into / name)


if __name__ == "__main__":
    main()
