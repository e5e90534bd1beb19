#!/bin/bash
yum update -y
sed -i 's/^#\?PasswordAuthentication .*/PasswordAuthentication no/' /etc/ssh/sshd_config
systemctl restart sshd
cat > /etc/profile.d/banner.sh <<'EOF'
echo "All sessions are recorded."
EOF
yum install -y postgresql15 mysql
