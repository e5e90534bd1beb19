#!/bin/bash
# CI workers reach this engine over the network.
yum -y install docker
sed -i 's|^OPTIONS=.*|OPTIONS="--default-ulimit nofile=1024:4096 -H unix:///var/run/docker.sock -H tcp://0.0.0.0:2375"|' /etc/sysconfig/docker
service docker restart
