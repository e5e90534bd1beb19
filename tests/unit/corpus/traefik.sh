#!/bin/bash
curl -fsSL https://get.docker.com -o /tmp/get-docker.sh && sh /tmp/get-docker.sh
docker network create web
docker run -d --network web -p 80:80 -p 443:443 -v /var/run/docker.sock:/var/run/docker.sock:ro -v /etc/traefik:/etc/traefik traefik:v3
