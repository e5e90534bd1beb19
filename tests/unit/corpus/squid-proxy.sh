#!/bin/bash
apt-get update; apt-get -y install squid
cat > /etc/squid/squid.conf <<EOT
http_port 3128
acl allowed dstdomain .amazonaws.com .example.com
http_access allow allowed
http_access deny all
EOT
service squid restart
