#!/bin/bash
apt-get install -y docker.io
for i in $(seq 1 20); do
  TOKEN=$(aws ssm get-parameter --name /swarm/worker --query Parameter.Value --output text) && break
  sleep 15
done
docker swarm join --token "$TOKEN" manager.internal:2377
