#!/bin/bash
echo ECS_CLUSTER=build >> /etc/ecs/ecs.config
cat > /etc/docker/daemon.json <<'EOF'
{"registry-mirrors": ["https://mirror.gcr.io"], "log-driver": "json-file", "log-opts": {"max-size": "50m"}}
EOF
systemctl restart docker
