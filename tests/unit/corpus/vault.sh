#!/bin/bash
export VAULT_ADDR=https://127.0.0.1:8200
hostnamectl set-hostname "vault-$(curl -s http://169.254.169.254/latest/meta-data/instance-id)"
yum install -y vault
mkdir -p /etc/vault.d/tls
aws s3 cp s3://pki-example/vault.crt /etc/vault.d/tls/ --only-show-errors
cat > /etc/vault.d/vault.hcl <<'EOF'
listener "tcp" {
  address = "0.0.0.0:8200"
  tls_cert_file = "/etc/vault.d/tls/vault.crt"
}
EOF
systemctl enable vault && systemctl start vault
