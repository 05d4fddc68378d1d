#!/bin/sh
# Builds the device plugin's image alone, for one kind of machine:
#   plugin_src/kit/build_image.sh x86_64|aarch64 BASE OUT.oci.tar
# BASE is a glibc image with Python 3.11 for that machine. pip fetches the wheels here, podman builds without a network;
# for another kind of machine than this one podman needs qemu-user-static. Exit codes: 0 built, 2 a wrong argument.
set -eu
usage() { echo "build_image.sh: $1; usage: build_image.sh x86_64|aarch64 BASE OUT.oci.tar" >&2; exit 2; }
[ $# -eq 3 ] || usage "three arguments are needed"
case $1 in
  x86_64) platform=linux/amd64 ;;
  aarch64) platform=linux/arm64 ;;
  *) usage "'$1' is no machine that has wheels" ;;
esac
machine=$1 base=$2 out=$3
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^VERSION = "\([^"]*\)".*/\1/p' runtime_images/base/airgate_kit/names.py)
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
set --
minor=34
while [ $minor -ge 17 ]; do
  set -- "$@" "--platform=manylinux_2_${minor}_$machine"
  minor=$((minor - 1))
done
python3 -m pip download -q --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
  --python-version=3.11 --implementation=cp --abi=cp311 --abi=abi3 --abi=none "$@" "--platform=manylinux2014_$machine" \
  --platform=any -d "$wheels" -r locks/plugin.txt -r runtime_images/base/pip.txt
podman build -q --platform "$platform" --build-arg "BASE=$base" -t "airgate.local/base-$machine:$version" \
  -f runtime_images/base/Dockerfile .
podman build -q --platform "$platform" --build-context "wheels=$wheels" \
  --build-arg "BASE=airgate.local/base-$machine:$version" -t "airgate.local/device-plugin-$machine:$version" \
  -f plugin_src/Dockerfile .
podman save -q --format oci-archive -o "$out" "airgate.local/device-plugin-$machine:$version"
echo "$out holds airgate.local/device-plugin-$machine:$version for $platform"
