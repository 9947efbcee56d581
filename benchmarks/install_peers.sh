#!/bin/sh
# Installs the peers that the benchmarks compare with: river (detector), and the host agents of `python -m benchmarks
# host`, for which it needs Debian's apt-get and the right to use it; none of the agents is left running. Python's are
# installed for "${PYTHON:-python3}": give the interpreter that runs the benchmarks, as in PYTHON=.venv/bin/python.
set -eu
for package in river glances; do
    "${PYTHON:-python3}" -m pip install -q "$package" || echo "not installed: $package"
done
command -v apt-get >/dev/null 2>&1 || { echo "not installed: the host agents (no apt-get here)"; exit 0; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
for package in prometheus-node-exporter netdata-core collectd-core; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null || echo "not installed: $package"
done
for service in prometheus-node-exporter netdata collectd; do
    if command -v systemctl >/dev/null 2>&1; then systemctl disable --now "$service" >/dev/null 2>&1 || true; fi
done
