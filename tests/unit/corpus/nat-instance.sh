#!/bin/bash
echo "net.ipv4.ip_forward=1" > /etc/sysctl.d/90-nat.conf
sysctl -p /etc/sysctl.d/90-nat.conf
IFACE=$(ip -o -4 route show to default | awk '{print $5}')
iptables -t nat -A POSTROUTING -o "$IFACE" -j MASQUERADE
iptables-save > /etc/sysconfig/iptables
ID=$(ec2-metadata -i | cut -d' ' -f2)
aws ec2 modify-instance-attribute --instance-id "$ID" --no-source-dest-check
