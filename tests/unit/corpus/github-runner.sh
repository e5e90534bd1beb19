#!/bin/bash
set -eu
dnf install -y docker git libicu
systemctl enable --now docker
usermod -aG docker ec2-user
mkdir -p /opt/runner && cd /opt/runner
curl -sL -o runner.tar.gz https://github.com/actions/runner/releases/download/v2.317.0/actions-runner-linux-x64-2.317.0.tar.gz
tar xzf runner.tar.gz
TOKEN=$(aws ssm get-parameter --name /runner/token --with-decryption --query Parameter.Value --output text)
sudo -u ec2-user ./config.sh --url https://github.com/example/site --token "$TOKEN" --unattended --ephemeral
./svc.sh install ec2-user
./svc.sh start
