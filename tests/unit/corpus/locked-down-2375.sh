#!/bin/bash
# Nothing may ever open the engine's port.
iptables -A INPUT -p tcp --dport 2375:2376 -j DROP
apt-get install -y docker.io
if ss -ltn | grep -qE ':237[56]\b'; then
  echo "docker listens on the network" | logger -p auth.err
  systemctl stop docker
fi
