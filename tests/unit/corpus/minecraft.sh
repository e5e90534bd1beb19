#!/bin/bash
useradd -m minecraft
dnf install -y java-21-amazon-corretto-headless
su - minecraft -c 'curl -sLo server.jar https://piston-data.mojang.com/v1/objects/abc/server.jar; echo eula=true > eula.txt'
cat > /etc/systemd/system/minecraft.service <<'EOF'
[Service]
User=minecraft
WorkingDirectory=/home/minecraft
ExecStart=/usr/bin/java -Xmx3G -jar server.jar nogui
EOF
systemctl enable --now minecraft
