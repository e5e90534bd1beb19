#!/bin/sh
export K3S_TOKEN=$(aws secretsmanager get-secret-value --secret-id k3s --query SecretString --output text)
curl -sfL https://get.k3s.io | INSTALL_K3S_EXEC="server --cluster-init --tls-san k3s.internal" sh -
until kubectl get nodes; do sleep 5; done
