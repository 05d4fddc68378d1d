#!/bin/sh
# Writes *_pb2.py, *_pb2.pyi and *_pb2_grpc.py beside their .proto. Needs grpcio-tools (extra "dev").
# Usage: plugin_src/airgate_protocols/regenerate.sh [PYTHON]      (default: python3)
set -eu
python="${1:-python3}"
cd "$(dirname "$0")/.."
for name in deviceplugin open_inference podresources; do
    "$python" -m grpc_tools.protoc --proto_path=. --python_out=. --pyi_out=. --grpc_python_out=. \
        "airgate_protocols/$name.proto"
done
