#!/bin/bash -xe
dnf install -y httpd php php-mysqlnd wget
cd /var/www/html
wget -q https://wordpress.org/latest.tar.gz
tar -xzf latest.tar.gz --strip-components=1
cp wp-config-sample.php wp-config.php
sed -i "s/database_name_here/wordpress/; s/localhost/db.internal/" wp-config.php
chown -R apache:apache /var/www/html
systemctl enable --now httpd
