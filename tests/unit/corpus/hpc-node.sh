#!/bin/bash
. /etc/parallelcluster/cfnconfig
case "$cfn_node_type" in
  HeadNode) mkdir -p /shared/jobs; chmod 1777 /shared/jobs ;;
  ComputeFleet) echo "compute" > /etc/node-role ;;
esac
yum install -y environment-modules openmpi
