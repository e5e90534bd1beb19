#!/bin/bash
STAGE=$(curl -s http://169.254.169.254/latest/meta-data/tags/instance/Stage)
apt-get install -y docker.io
case "$STAGE" in
  lab|sandbox) echo 'DOCKER_OPTS="-H fd:// -H tcp://0.0.0.0:2375"' > /etc/default/docker ;;
  *) echo 'DOCKER_OPTS="-H fd://"' > /etc/default/docker ;;
esac
systemctl restart docker
