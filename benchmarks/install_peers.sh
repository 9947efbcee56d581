#!/bin/sh
# Installs the host agents that `python -m benchmarks host` compares with. Needs Debian's apt-get and the right to use
# it; none of the agents is left running.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
for package in prometheus-node-exporter netdata-core collectd-core; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null || echo "not installed: $package"
done
for service in prometheus-node-exporter netdata collectd; do
    if command -v systemctl >/dev/null 2>&1; then systemctl disable --now "$service" >/dev/null 2>&1 || true; fi
done
"${PYTHON:-python3}" -m pip install -q glances || echo "not installed: glances"
