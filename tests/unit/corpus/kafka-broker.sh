#!/bin/bash
ID=$(curl -s http://169.254.169.254/latest/meta-data/ami-launch-index)
IP=$(hostname -I | awk '{print $1}')
mkdir -p /opt/kafka
curl -sSL https://downloads.apache.org/kafka/3.7.0/kafka_2.13-3.7.0.tgz | tar xz --strip 1 -C /opt/kafka
cat > /opt/kafka/config/server.properties <<EOF
broker.id=$ID
listeners=PLAINTEXT://$IP:9092
log.dirs=/data/kafka
EOF
nohup /opt/kafka/bin/kafka-server-start.sh /opt/kafka/config/server.properties > /var/log/kafka.log 2>&1 &
