#!/bin/bash
set -e
sh -c 'echo deb https://apt.buildkite.com/buildkite-agent stable main > /etc/apt/sources.list.d/buildkite-agent.list'
apt-get update && apt-get install -y buildkite-agent docker.io docker-compose-plugin
if [ -n "${BUILDKITE_QUEUE:-}" ]; then
  echo "tags=\"queue=$BUILDKITE_QUEUE\"" >> /etc/buildkite-agent/buildkite-agent.cfg
fi
usermod -a -G docker buildkite-agent
systemctl enable buildkite-agent && systemctl start buildkite-agent
