#!/bin/bash
cat > /usr/local/bin/spot-watch <<'EOF'
#!/bin/bash
while sleep 5; do
  T=$(curl -s -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" http://169.254.169.254/latest/api/token)
  if curl -sf -H "X-aws-ec2-metadata-token: $T" http://169.254.169.254/latest/meta-data/spot/instance-action; then
    logger "spot interruption"; shutdown -h +1
  fi
done
EOF
chmod +x /usr/local/bin/spot-watch
nohup /usr/local/bin/spot-watch >/dev/null 2>&1 &
