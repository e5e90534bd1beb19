#!/bin/bash
PGDATA=/var/lib/pgsql/data
PRIMARY=${PRIMARY_HOST:-db-0.internal}
dnf install -y postgresql15-server
rm -rf "$PGDATA"
sudo -u postgres pg_basebackup -h "$PRIMARY" -D "$PGDATA" -U replicator -R
cat >> "$PGDATA/postgresql.conf" <<EOF
listen_addresses = '*'
max_connections = 200
EOF
systemctl enable --now postgresql
