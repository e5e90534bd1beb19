#!/bin/bash
dnf install -y python3.11 git
git clone --depth 1 https://git.example.com/team/api.git /srv/api
python3.11 -m venv /srv/venv
/srv/venv/bin/pip install -r /srv/api/requirements.txt
cd /srv/api && /srv/venv/bin/gunicorn -b 0.0.0.0:8000 app:app --daemon
