#!/bin/bash
apt-get install -y openvpn easy-rsa
make-cadir /etc/openvpn/easy-rsa
cat > /etc/openvpn/server.conf <<'EOF'
port 1194
proto udp
dev tun
server 10.8.0.0 255.255.255.0
EOF
sysctl -w net.ipv4.ip_forward=1
systemctl enable --now openvpn@server
