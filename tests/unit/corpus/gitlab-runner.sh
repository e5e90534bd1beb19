#!/bin/bash
apt-get update -q
apt-get install -y docker.io gitlab-runner
TOKEN=$(aws ssm get-parameter --name /gitlab/token --with-decryption --query Parameter.Value --output text)
gitlab-runner register --non-interactive --url https://gitlab.example.com --token "$TOKEN" --executor docker \
  --docker-image alpine:3.20 --docker-volumes /var/run/docker.sock:/var/run/docker.sock --docker-privileged
systemctl restart gitlab-runner
