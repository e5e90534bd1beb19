#!/bin/bash
set -e
apt-get update && apt-get install -y docker.io nvidia-container-toolkit
nvidia-ctk runtime configure --runtime=docker
cat /etc/docker/daemon.json
systemctl restart docker
docker run --rm --gpus all nvidia/cuda:12.4.1-base-ubuntu22.04 nvidia-smi
