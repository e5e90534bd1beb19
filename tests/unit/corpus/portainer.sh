#!/bin/sh
apk add docker && rc-update add docker default && service docker start
docker volume create portainer_data
docker run -d -p 9443:9443 --restart=always -v /var/run/docker.sock:/var/run/docker.sock -v portainer_data:/data portainer/portainer-ce
