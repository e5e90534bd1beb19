#!/bin/bash
curl -fsSL https://get.docker.com | sh
mkdir -p /srv/app
cat > /srv/app/docker-compose.yml <<'EOF'
services:
  web:
    image: ghcr.io/example/web:1.4
    ports: ["443:8443"]
    environment: {DATABASE_URL: postgres://db.internal/app}
  redis:
    image: redis:7
EOF
docker compose -f /srv/app/docker-compose.yml up -d
