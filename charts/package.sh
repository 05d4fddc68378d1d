#!/bin/sh
# Packs the charts, each with the charts it needs inside: ./package.sh DIR. Asks no network: they need one another alone.
# $HELM names the helm to use.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R airgate-lib airgate-device-plugin airgate-webapp airgate-runtimes airgate "$work"
for chart in airgate-device-plugin airgate-webapp airgate-runtimes airgate; do
  rm -rf "$work/$chart/charts"
  "${HELM:-helm}" dependency update --skip-refresh "$work/$chart" >/dev/null
  "${HELM:-helm}" package --destination "$out" "$work/$chart" >/dev/null
done
