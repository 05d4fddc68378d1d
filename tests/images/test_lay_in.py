"""What a serving image keeps of its wheels, and how the loader finds NVIDIA's libraries among them."""

import sys

import pytest

from runtime_images.serving import lay_in

KEPT = (
    *("torch/lib/libtorch.so", "torch/bin/torch_shm_manager", "nvidia/cu13/lib/libcudart.so.13"),
    *("nvidia/cudnn/lib/libcudnn.so.9", "numpy/core.py"),
)
GONE = (
    *("torch/include/ATen/ATen.h", "torch/bin/protoc", "nvidia/cu13/include/cuda.h", "nvidia/cu13/lib/libcufft.a"),
    *("triton/compiler.py", "triton/lib/libcupti.a", "clang/native/libclang.so", "tensorflow/include/tf.h"),
)


@pytest.fixture
def wheels(tmp_path):
    """A folder as pip makes one."""
    folder = tmp_path / "opt/airgate/wheels"
    for name in (*KEPT, *GONE):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    return folder


@pytest.fixture
def etc(tmp_path, monkeypatch):
    """A folder in the place of the build's own /etc, and nothing in the place of ldconfig."""
    (tmp_path / "etc/ld.so.conf.d").mkdir(parents=True)
    (tmp_path / "etc/ld.so.cache").write_text("made by ldconfig")
    monkeypatch.setattr(lay_in, "LOADER", tmp_path / "etc")
    monkeypatch.setattr(lay_in.subprocess, "run", lambda command, check: command)
    return tmp_path / "etc"


def lay(wheels, layer, monkeypatch):
    """Make an image's layer; return the folder of the wheels in it."""
    monkeypatch.setattr(sys, "argv", ["lay_in.py", str(wheels), str(layer)])
    lay_in.main()
    return layer / wheels.relative_to("/")


@pytest.mark.usefixtures("etc")
def test_what_only_builders_need_is_not_in_an_image(wheels, tmp_path, monkeypatch):
    """Nobody carries headers and compilers into a site: a locked process starts no program."""
    inside = lay(wheels, tmp_path / "layer", monkeypatch)
    assert [name for name in KEPT if not (inside / name).exists()] == []
    assert [name for name in GONE if (inside / name).exists()] == []
    assert not wheels.exists()
    assert list(inside.glob("numpy/__pycache__/core.*.pyc"))


@pytest.mark.usefixtures("etc")
def test_the_loader_is_told_where_nvidia_s_libraries_lie(wheels, tmp_path, monkeypatch):
    """They are found by a process without an environment too, under the names that they have in the image."""
    lay(wheels, tmp_path / "layer", monkeypatch)
    told = (tmp_path / "layer/etc/ld.so.conf.d/airgate.conf").read_text().splitlines()
    assert told == [str(wheels / "nvidia/cu13/lib"), str(wheels / "nvidia/cudnn/lib")]
    assert (tmp_path / "layer/etc/ld.so.cache").read_text() == "made by ldconfig"


def test_an_image_without_nvidia_s_libraries_leaves_the_loader_alone(wheels, tmp_path, monkeypatch):
    """The image for the CPU has the base's own list."""
    for folder in wheels.glob("nvidia/*"):
        lay_in.shutil.rmtree(folder)
    lay(wheels, tmp_path / "layer", monkeypatch)
    assert not (tmp_path / "layer/etc").exists()
