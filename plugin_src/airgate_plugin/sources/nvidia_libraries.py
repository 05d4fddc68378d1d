"""The files of NVIDIA's driver that a container needs beside its device nodes: of the very version of the host's."""

import re

from airgate_plugin.sources.hostfs import HostFiles

# What CUDA and nvidia-smi open, under their short names and under those with the driver's version at the end.
NEEDED = (
    *("cuda", "cudadebugger", "nvidia-ml", "nvidia-cfg", "nvidia-ptxjitcompiler", "nvidia-nvvm", "nvidia-opencl"),
    *("nvidia-gpucomp", "nvidia-allocator", "nvidia-pkcs11"),
)
LIBRARY = re.compile(rf"lib({'|'.join(NEEDED)})\.so(\.\d+)+$")


class GpuLibraries:
    """Looks into one folder of the host; None: none are for containers."""

    def __init__(self, host: HostFiles, folder: str | None) -> None:
        """Look into `folder`, as the host names it."""
        self._host = host
        self._folder = folder

    def find(self) -> tuple[str, ...]:
        """Return the files as the host names them; () where the folder is not there or cannot be read."""
        try:
            names = self._host.find_names(self._folder) if self._folder else []
        except OSError:
            names = []
        return tuple(f"{self._folder}/{name}" for name in names if LIBRARY.match(name))
