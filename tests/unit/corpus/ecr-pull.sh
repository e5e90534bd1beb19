#!/bin/bash
yum install -y docker && service docker start
ACCOUNT=$(aws sts get-caller-identity --query Account --output text)
REGISTRY=$ACCOUNT.dkr.ecr.eu-west-1.amazonaws.com
aws ecr get-login-password --region eu-west-1 | docker login --username AWS --password-stdin $REGISTRY
docker run -d --name app -p 8080:8080 -e STAGE=${STAGE:-prod} $REGISTRY/app:$(curl -s http://169.254.169.254/latest/meta-data/tags/instance/Version || echo latest)
