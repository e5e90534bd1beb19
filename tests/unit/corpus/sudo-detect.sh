#!/bin/bash
if [ "$(id -u)" -eq 0 ]; then SUDO=""; else SUDO="sudo"; fi
$SUDO apt-get update
$SUDO apt-get install -y unattended-upgrades
for pkg in curl jq htop; do dpkg -s "$pkg" >/dev/null 2>&1 || $SUDO apt-get install -y "$pkg"; done
