#!/bin/bash
set -o xtrace
TOKEN=$(curl -X PUT "http://169.254.169.254/latest/api/token" -H "X-aws-ec2-metadata-token-ttl-seconds: 21600")
ZONE=$(curl -H "X-aws-ec2-metadata-token: $TOKEN" http://169.254.169.254/latest/meta-data/placement/availability-zone)
/etc/eks/bootstrap.sh prod-main --b64-cluster-ca LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0= --apiserver-endpoint https://ABCDEF.gr7.eu-west-1.eks.amazonaws.com \
  --kubelet-extra-args "--node-labels=zone=$ZONE,pool=workers --register-with-taints=batch=true:NoSchedule --max-pods=58"
