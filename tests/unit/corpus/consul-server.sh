#!/usr/bin/env bash
set -e
readonly DATACENTER="eu-west-1"
function log() { local level="$1"; shift; echo "$(date +%FT%T) [$level] $*" >&2; }
function retry() { local n=0; until "$@"; do n=$((n+1)); [ "$n" -ge 5 ] && return 1; sleep 2; done; }
log INFO "installing"
retry apt-get install -y consul
cat > /etc/consul.d/server.json <<EOF
{"datacenter": "$DATACENTER", "server": true, "bootstrap_expect": 3, "client_addr": "0.0.0.0", "ports": {"http": 8500}}
EOF
systemctl enable --now consul
log INFO "done"
