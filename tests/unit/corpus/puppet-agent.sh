#!/bin/sh
wget -q https://apt.puppet.com/puppet8-release-jammy.deb && dpkg -i puppet8-release-jammy.deb
apt-get update && apt-get install -y puppet-agent
/opt/puppetlabs/bin/puppet config set server puppet.internal --section main
/opt/puppetlabs/bin/puppet agent --test --waitforcert 60
