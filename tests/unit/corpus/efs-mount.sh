#!/bin/bash
FS=fs-0123456789abcdef0
mkdir -p /mnt/efs
if ! mountpoint -q /mnt/efs; then
  yum install -y amazon-efs-utils
  echo "$FS:/ /mnt/efs efs _netdev,tls 0 0" >> /etc/fstab
  for try in 1 2 3 4 5; do mount -a -t efs && break; sleep 5; done
fi
