#!/bin/bash
apt-get install -y docker-ce-cli
cat > /etc/profile.d/docker-host.sh <<'EOF'
export DOCKER_HOST=tcp://builder.internal:2376 DOCKER_TLS_VERIFY=1
EOF
export DOCKER_HOST=tcp://builder.internal:2376
docker ps
