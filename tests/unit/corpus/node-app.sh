#!/bin/bash
curl -fsSL https://deb.nodesource.com/setup_20.x | bash -
apt-get install -y nodejs
aws s3 cp s3://artifacts-example/app-$(cat /etc/app-version).tgz - | tar xz -C /srv
cd /srv/app && npm ci --omit=dev
npm install -g pm2 && pm2 start server.js
