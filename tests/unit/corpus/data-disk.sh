#!/bin/bash
DEV=/dev/nvme1n1
if [ "$(lsblk -no FSTYPE $DEV)" = "" ]; then
  mkfs.ext4 -L data $DEV && echo formatted >> /root/disk.txt || echo failed >> /root/disk.txt
else
  echo kept >> /root/disk.txt
fi
UUID=$(blkid -s UUID -o value $DEV)
[ -d /data ] || mkdir /data
grep -q "$UUID" /etc/fstab || echo "UUID=$UUID /data ext4 defaults,nofail 0 2" >> /etc/fstab
mount -a || { echo "mount failed"; exit 1; }
