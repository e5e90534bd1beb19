"""User-data as it was met in the wild, kind by kind: each case was once judged wrongly."""

# ruff: noqa: E501 - a row of a table is a line

import json
from typing import NamedTuple

import pytest

from aws_docker.boot import judge

OPEN, NO_CHECK, MUTUAL = "unauthenticated", "tls-without-client-check", "mutual-tls"
ANY = "tcp://0.0.0.0:2375"


class Case(NamedTuple):
    kind: str
    document: str
    listeners: tuple[tuple[str, str], ...] = ()
    """All that are found: address and access."""
    runs: bool = True
    unread: str = ""
    """A part of a sentence that is said; with nothing, nothing is."""


def sh(*lines: str) -> str:
    return "\n".join(("#!/bin/bash", *lines)) + "\n"


def cloud_config(*files: tuple[str, str], **config: object) -> str:
    entries = [{"path": path, "content": content} for path, content in files]
    return "#cloud-config\n" + json.dumps({"write_files": entries, **config})


def powershell(text: str) -> str:
    return f"<powershell>\n{text}\n</powershell>"


FOUND = ((ANY, OPEN),)
PLAYBOOK = """
- hosts: localhost
  vars: {bind: 0.0.0.0}
  tasks:
    - name: the engine
      apt: {name: docker.io, state: present}
    - copy:
        dest: /etc/docker/daemon.json
        content: |
          {"hosts": ["unix:///var/run/docker.sock", "tcp://{{ bind }}:2375"]}
      notify: restart
  handlers:
    - name: restart
      service: name=docker state=restarted
"""

CASES = [
    # --- alternatives: each keeps its own files
    Case("alternatives", sh(
        "plain=$(/usr/local/bin/site-setting docker-without-tls)",
        'flags="--host tcp://0.0.0.0:2390 --host unix:///run/docker.sock"',
        'if [ -z "$plain" ]; then',
        '  flags="$flags --tlsverify --tlscacert /srv/pki/ca.pem --tlscert /srv/pki/host.pem --tlskey /srv/pki/host.key"',
        "fi",
        "echo \"DOCKER_OPTS='$flags'\" > /etc/default/docker",
        "service docker restart",
    ), (("tcp://0.0.0.0:2390", MUTUAL), ("tcp://0.0.0.0:2390", OPEN))),
    Case("alternatives in a here-document", sh(
        "if grep -q lab /etc/site-name; then", "  bind=0.0.0.0", "else", "  bind=127.0.0.1", "fi",
        "cat > /etc/docker/daemon.json <<END", '{"hosts": ["unix:///run/docker.sock", "tcp://$bind:2375"]}', "END",
        "systemctl restart docker",
    ), (*FOUND, ("tcp://127.0.0.1:2375", OPEN))),
    Case("alternatives in a default", sh("bind=$(curl -s http://x/bind)", "dockerd -H tcp://${bind:-0.0.0.0}:2375"), (("tcp://$(command):2375", OPEN), *FOUND)),
    Case("alternatives that a template is filled with", sh(
        "case $(uname -m) in x86_64) b=0.0.0.0 ;; *) b=127.0.0.1 ;; esac",
        "echo '{\"hosts\": [\"tcp://BIND:2375\"]}' > /etc/docker/daemon.json",
        'sed -i "s/BIND/$b/" /etc/docker/daemon.json',
    ), (*FOUND, ("tcp://127.0.0.1:2375", OPEN))),
    Case("alternatives that a command prints", sh("H=$(if [ -e /x ]; then echo 0.0.0.0; else echo 10.0.0.5; fi)", "dockerd -H tcp://$H:2375"), (*FOUND, ("tcp://10.0.0.5:2375", OPEN))),
    Case("a fallback", sh("H=$(ask-somebody) || H=0.0.0.0", "dockerd -H tcp://$H:2375"), (("tcp://$(command):2375", OPEN), *FOUND)),
    # --- fd://
    Case("fd, docker -d", "#cloud-config\n" + json.dumps({"coreos": {"units": [
        {"name": "docker.service", "command": "restart", "content": "[Service]\nExecStart=/usr/bin/docker -d -H fd:// --storage-driver=overlay\n"},
        {"name": "api.socket", "command": "start", "content": "[Socket]\nListenStream=2375\nService=docker.service\n"},
    ]}}), (("tcp://[::]:2375", OPEN),)),
    Case("fd, docker daemon", cloud_config(
        ("/etc/systemd/system/docker.service", "[Service]\nExecStart=/usr/bin/docker daemon -H fd:// $DOCKER_OPTS\n"),
        ("/etc/systemd/system/docker-tcp.socket", "[Socket]\nListenStream=0.0.0.0:2375\nService=docker.service\n"),
    ), FOUND),
    Case("fd, by a shell", cloud_config(
        ("/etc/systemd/system/docker.service", "[Service]\nExecStart=/bin/sh -c 'exec docker daemon -H fd://'\n"),
        ("/etc/systemd/system/docker.socket", "[Socket]\nListenStream=0.0.0.0:2375\n"),
    ), FOUND),
    # --- stock files
    Case("the stock upstart job", sh("apt-get install -y lxc-docker", "sed -i 's/^\\(\\s*DOCKER_OPTS=\\)$/\\1\"-H tcp:\\/\\/0.0.0.0:4243\"/' /etc/init/docker.conf", "restart docker"), (("tcp://0.0.0.0:4243", OPEN),)),
    Case("its line that starts", sh("sed -i 's#exec \"$DOCKER\" -d#exec \"$DOCKER\" -d -H tcp://0.0.0.0:2375#' /etc/init/docker.conf"), FOUND),
    Case("its override", cloud_config(("/etc/init/docker.override", 'env DOCKER_OPTS="-H tcp://0.0.0.0:2375"\n')), ()),
    Case("the stock SysV script", sh("sed -i 's|^DOCKER_OPTS=$|DOCKER_OPTS=\"-H tcp://0.0.0.0:2375\"|' /etc/init.d/docker", "service docker restart"), FOUND),
    Case("the old name of its options", sh("echo 'other_args=\"-H tcp://0.0.0.0:2375\"' > /etc/sysconfig/docker", "service docker restart"), FOUND),
    # --- values over several lines
    Case("a value over several lines", cloud_config(("/etc/default/docker", "DOCKER_OPTS='\n-H tcp://0.0.0.0:2376\n-H unix:///run/docker.sock\n--label zone=a\n'\n"), runcmd=["service docker restart"]), (("tcp://0.0.0.0:2376", OPEN),)),
    Case("in double quotes, continued", cloud_config(("/etc/sysconfig/docker", 'OPTIONS="--icc=false \\\n  -H tcp://0.0.0.0:2375"\nOTHER=1\n')), FOUND),
    Case("a comment after it", cloud_config(("/etc/default/docker", "# DOCKER_OPTS='\nDOCKER_OPTS='--icc=false'\n#-H tcp://0.0.0.0:2375'\n")), ()),
    # --- systemctl cat
    Case("systemctl cat", sh("systemctl cat docker.service > /etc/systemd/system/docker.service", "sed -i '/^ExecStart=/ s|$| -H tcp://0.0.0.0:2375|' /etc/systemd/system/docker.service", "systemctl daemon-reload && systemctl restart docker"), FOUND),
    Case("systemctl cat in a pipe", sh("systemctl cat docker | sed 's|-H fd://|-H tcp://0.0.0.0:2375|' > /etc/systemd/system/docker.service"), FOUND),
    Case("systemctl show", sh("u=$(systemctl show -p FragmentPath docker.service | cut -d= -f2)", 'sed -i "s|-H fd://|-H tcp://0.0.0.0:2375|" "$u"'), FOUND),
    # --- PowerShell
    Case("a property added", powershell('$path = "C:\\ProgramData\\docker\\config\\daemon.json"\n$settings = Get-Content $path -Raw | ConvertFrom-Json\n$settings | Add-Member -MemberType NoteProperty -Name hosts -Value @("npipe://", "tcp://0.0.0.0:2375") -Force\n$settings | ConvertTo-Json | Set-Content $path\nRestart-Service docker'), FOUND),
    Case("a property set", powershell('$c = @{}\n$c.hosts = @("npipe://")\n$c.hosts += "tcp://0.0.0.0:2375"\n$c | ConvertTo-Json | Out-File -Encoding ascii C:\\ProgramData\\docker\\config\\daemon.json'), FOUND),
    Case("an object, with TLS", powershell('$c = [pscustomobject]@{ hosts = @("tcp://0.0.0.0:2376"); tlsverify = $true; tlscacert = "C:\\a"; tlscert = "C:\\b"; tlskey = "C:\\c" }\n[IO.File]::WriteAllText("C:\\ProgramData\\docker\\config\\daemon.json", ($c | ConvertTo-Json))'), (("tcp://0.0.0.0:2376", MUTUAL),)),
    Case("a service changed by CIM", powershell('$cmd = "`"C:\\Program Files\\docker\\dockerd.exe`" --run-service -H tcp://0.0.0.0:2375"\nGet-CimInstance Win32_Service -Filter "Name=\'docker\'" | Invoke-CimMethod -MethodName Change -Arguments @{ PathName = $cmd }'), FOUND),
    Case("a service changed by WMI", powershell("$s = Get-WmiObject Win32_Service -Filter \"Name='docker'\"\n$s.Change($null, $null, $null, $null, $null, $s.PathName + ' -H tcp://0.0.0.0:2375')"), FOUND),
    Case("flags in a variable", powershell('$port = 2375\n$flags = "-H", "tcp://0.0.0.0:$port"\nStart-Process -FilePath "C:\\docker\\dockerd.exe" -ArgumentList $flags'), FOUND),
    Case("an image path", powershell("Set-ItemProperty -Path HKLM:\\SYSTEM\\CurrentControlSet\\Services\\docker -Name ImagePath -Value 'C:\\docker\\dockerd.exe --run-service -H tcp://0.0.0.0:2375'"), FOUND),
    Case("a safe object", powershell('@{ hosts = @("npipe://") } | ConvertTo-Json | Set-Content C:\\ProgramData\\docker\\config\\daemon.json\nRestart-Service docker')),
    # --- RancherOS
    Case("RancherOS", '#cloud-config\nrancher:\n  docker:\n    extra_args: ["-H", "unix:///var/run/docker.sock", "-H", "tcp://0.0.0.0:2375"]\n', FOUND),
    Case("RancherOS with TLS", "#cloud-config\nrancher:\n  docker: {tls: true}\n", (("tcp://0.0.0.0:2376", MUTUAL),)),
    Case("RancherOS's command", sh("ros config set rancher.docker.extra_args \"['-H', 'tcp://0.0.0.0:2375']\""), FOUND),
    Case("RancherOS's engine options", "#cloud-config\nrancher:\n  docker:\n    host: ['unix:///var/run/docker.sock', 'tcp://0.0.0.0:2375']\n", FOUND),
    Case("RancherOS alone", "#cloud-config\nhostname: x\nrancher:\n  network: {dns: {nameservers: [10.0.0.2]}}\n"),
    # --- NixOS
    Case("NixOS", '{ modulesPath, ... }:\n{\n  imports = [ "${modulesPath}/virtualisation/amazon-image.nix" ];\n  virtualisation.docker.enable = true;\n  virtualisation.docker.daemon.settings.hosts = [ "unix:///run/docker.sock" "tcp://0.0.0.0:2375" ];\n}\n', FOUND),
    Case("NixOS's socket", '### https://nixos.org/channels/nixos-24.11 nixos\n{ virtualisation.docker.listenOptions = [ "0.0.0.0:2375" ]; }\n', FOUND),
    Case("NixOS, nested", '{ config, pkgs, ... }: {\n  virtualisation.docker = {\n    enable = true; # comment\n    extraOptions = "-H tcp://0.0.0.0:2375";\n  };\n}\n', FOUND),
    Case("NixOS, computed", '{ config, lib, ... }: {\n  virtualisation.docker.enable = true;\n  virtualisation.docker.daemon.settings.hosts = lib.optional config.x "tcp://0.0.0.0:2375";\n}\n', (("unknown://$(command)", "unreadable"),), unread="computed"),
    Case("NixOS without Docker", "{ pkgs, ... }: {\n  services.nginx.enable = true;\n  networking.firewall.allowedTCPPorts = [ 80 ];\n}\n", runs=False),
    # --- positional arguments
    Case("arguments set and passed on", sh("if [ $# -eq 0 ]; then", "  set -- dockerd --host=unix:///run/docker.sock --host=tcp://0.0.0.0:2375", "fi", 'if [ "$1" = dockerd ]; then', '  set -- sh "$(command -v dind)" "$@"', "fi", 'exec "$@"'), FOUND),
    Case("a script's arguments", sh("cat > /opt/up <<'EOF'", "#!/bin/sh", 'dockerd -H "tcp://$1:$2"', "EOF", "chmod +x /opt/up", "/opt/up 0.0.0.0 2375"), FOUND),
    Case("sh -c's arguments", sh("sh -c 'exec \"$0\" \"$@\"' dockerd -H tcp://0.0.0.0:2375"), FOUND),
    Case("shift", sh("run() {", '  while [ $# -gt 0 ]; do', '    case "$1" in', '      --host) host=$2; shift 2 ;;', "      *) shift ;;", "    esac", "  done", '  dockerd -H "$host"', "}", "run --debug --host tcp://0.0.0.0:2375"), FOUND),
    Case("getopts", sh("run() {", '  while getopts "h:d" o; do', '    case $o in h) host=$OPTARG ;; esac', "  done", '  dockerd -H "$host"', "}", "run -d -h tcp://0.0.0.0:2375"), FOUND),
    Case("some of the arguments", sh("run() { shift; dockerd \"${@:2}\"; }", "run a b -H tcp://0.0.0.0:2375"), FOUND),
    # --- configuration tools
    Case("Puppet", cloud_config(("/root/engine.pp", "class { 'docker':\n  tcp_bind    => ['tcp://0.0.0.0:2375'],\n  socket_bind => 'unix:///var/run/docker.sock',\n}\n"), packages=["puppet"], runcmd=["puppet apply /root/engine.pp"]), FOUND),
    Case("Puppet with TLS", cloud_config(("/root/e.pp", "class { 'docker':\n  tcp_bind => 'tcp://0.0.0.0:2376', tls_enable => true,\n}\n"), runcmd=["puppet apply /root/e.pp"]), (("tcp://0.0.0.0:2376", MUTUAL),)),
    Case("Puppet's file", cloud_config(("/root/e.pp", "$bind = '0.0.0.0'\nfile { '/etc/docker/daemon.json':\n  content => \"{\\\"hosts\\\": [\\\"tcp://${bind}:2375\\\"]}\",\n}\n"), runcmd=["puppet apply /root/e.pp"]), FOUND),
    Case("Hiera", cloud_config(("/etc/puppet/data/common.yaml", "docker::tcp_bind: ['tcp://0.0.0.0:2375']\n"), ("/root/s.pp", "include docker\n"), runcmd=["puppet apply /root/s.pp"]), FOUND),
    Case("Ansible", cloud_config(("/root/p.yml", PLAYBOOK), runcmd=["ansible-playbook -i localhost, -c local /root/p.yml"]), FOUND),
    Case("Ansible's lines", cloud_config(("/root/p.yml", "- hosts: all\n  tasks:\n  - lineinfile: path=/etc/default/docker regexp='^DOCKER_OPTS' line='DOCKER_OPTS=\"-H tcp://0.0.0.0:2375\"'\n  - ansible.builtin.systemd: {name: docker, state: restarted}\n"), runcmd=["ansible-playbook /root/p.yml"]), FOUND),
    Case("Ansible's role", cloud_config(("/root/p.yml", "- hosts: all\n  vars: {docker_daemon_options: {hosts: ['tcp://0.0.0.0:2375']}}\n  roles: [geerlingguy.docker]\n"), runcmd=["ansible-playbook /root/p.yml"]), FOUND, unread="role"),
    Case("Ansible without Docker", cloud_config(("/root/p.yml", "- hosts: all\n  tasks:\n  - apt: name=nginx\n  - service: {name: nginx, state: started}\n"), runcmd=["ansible-playbook /root/p.yml"]), runs=False),
    Case("Chef", cloud_config(("/root/r.rb", "docker_service 'default' do\n  host ['tcp://0.0.0.0:2375', 'unix:///var/run/docker.sock']\n  action [:create, :start]\nend\n"), runcmd=["chef-apply /root/r.rb"]), FOUND),
    Case("Salt", cloud_config(("/srv/salt/d.sls", "/etc/docker/daemon.json:\n  file.managed:\n    - contents: '{\"hosts\": [\"tcp://0.0.0.0:2375\"]}'\ndocker:\n  service.running: []\n"), runcmd=["salt-call --local state.apply d"]), FOUND),
    Case("a playbook from elsewhere", sh("ansible-playbook /opt/site/main.yml"), runs=False, unread="ansible-playbook"),
    # --- conditions whose outcome is known
    Case("a default that is known", sh("port=${API_PORT:-2376}", 'if [[ "$port" == 2376 ]]; then', "  dockerd -H tcp://0.0.0.0:$port --tlsverify --tlscacert=/pki/ca --tlscert=/pki/crt --tlskey=/pki/key &", "else", "  dockerd -H tcp://0.0.0.0:$port &", "fi"), (("tcp://0.0.0.0:2376", MUTUAL),)),
    Case("arguments that there are none of", sh("serve() { dockerd -H tcp://0.0.0.0:2375 & }", "guard() { iptables -A INPUT -p tcp --dport 2375 -j DROP; }", "act() {", '  case "${1:-guard}" in', "    serve) serve ;;", "    guard) guard ;;", "  esac", "}", 'act "$@"'), runs=False),
    Case("a file of the same document", cloud_config(("/etc/site.conf", "TLS=yes\n"), runcmd=[". /etc/site.conf", 'if [ "$TLS" = yes ]; then dockerd -H tcp://0.0.0.0:2376 --tlsverify --tlscacert=/a --tlscert=/b --tlskey=/c; else dockerd -H tcp://0.0.0.0:2375; fi']), (("tcp://0.0.0.0:2376", MUTUAL),)),
    Case("a file that is searched", cloud_config(("/etc/role", "role=build\n"), runcmd=["grep -q role=open /etc/role && dockerd -H tcp://0.0.0.0:2375"]), runs=False),
    Case("a function's answer", sh("open() { return 1; }", "if open; then dockerd -H tcp://0.0.0.0:2375; fi"), runs=False),
    Case("a switch", sh("open=false", "if $open; then dockerd -H tcp://0.0.0.0:2375; fi"), runs=False),
    Case("a file that was written", cloud_config(("/etc/docker/daemon.json", "{}"), runcmd=["[ -f /etc/docker/daemon.json ] || dockerd -H tcp://0.0.0.0:2375"])),
    Case("root", sh('if [ "$(id -u)" -ne 0 ]; then dockerd -H tcp://0.0.0.0:2375; fi'), runs=False),
    Case("a number", sh("count=2", "if (( count > 3 )); then dockerd -H tcp://0.0.0.0:2375; fi"), runs=False),
    Case("a pattern", sh("env=prod-eu", "[[ $env =~ ^(lab|dev) ]] && dockerd -H tcp://0.0.0.0:2375", "[[ $env == prod-* ]] || dockerd -H tcp://0.0.0.0:2375"), runs=False),
    # --- docker in docker
    Case("a dind with a daemon of its own", sh("docker run -d --privileged --net=host docker:1.11-dind docker daemon --host=tcp://127.0.0.1:2375"), (("tcp://127.0.0.1:2375", OPEN),)),
    Case("a dind that runs something else", sh("docker run -d --privileged --net=host docker:dind sh -c 'sleep 60'")),
    Case("a dind by a shell", sh("docker run -d --privileged -p 2375:2375 docker:dind sh -c 'dockerd -H tcp://0.0.0.0:2375'"), FOUND),
    Case("the first dind", sh("docker run --privileged -d -p 4444:4444 -e PORT=4444 jpetazzo/dind"), (("tcp://0.0.0.0:4444", OPEN),)),
    # --- brackets
    Case("brackets", sh("answer=$(curl -s https://ci.example.com/token)", 'if [[ -n "$URL" && "$answer" == "null" ]]; then', '  echo "no token"', "fi"), runs=False),
    Case("brackets inside", sh('[[ ( "$a" < "$b" || -f /x ) && ! "$c" =~ ^(a|b)+$ ]] && echo yes'), runs=False),
    Case("brackets over lines", sh('if [[ "$A" == x ||', '      "$B" == y ]]; then', "  echo both", "fi"), runs=False),
    # --- many ways, many values
    Case("many ways", sh('if mkfs.xfs /dev/nvme1n1; then echo "made" >> /var/log/disk.log; else echo "not made" >> /var/log/disk.log; fi', 'if mount /dev/nvme1n1 /srv; then echo "mounted" >> /var/log/disk.log; else echo "not mounted" >> /var/log/disk.log; fi'), runs=False),
    Case("many values", sh("if [ -e /etc/alpine-release ]; then family=alpine; init=openrc", "elif [ -d /run/systemd/system ]; then family=other; init=systemd", "else family=unknown; init=sysv; fi", 'echo "This is $family with $init"'), runs=False),
    # --- the installer
    Case("the installer without a scheme", sh("curl -fsSL get.docker.com -o installer.sh", "sh installer.sh")),
    Case("the installer in a pipe", sh("wget -qO- get.docker.com | sh")),
    Case("somebody else's", sh("curl -fsSL get.docker.com.example.com | sh"), runs=False, unread="not in the user-data"),
    # --- programs from elsewhere
    Case("a fetched program", sh("wget https://downloads.example.com/agent/install", "chmod +x install", "./install --quiet"), runs=False, unread="not in the user-data"),
    Case("a program from git", sh("git clone https://example.com/agent.git", "cd agent", "./install.sh"), runs=False, unread="not in the user-data"),
    Case("a program from an archive", sh("curl -sL https://example.com/a.tgz | tar xz -C /opt/agent", "/opt/agent/bin/start"), runs=False, unread="not in the user-data"),
    Case("a program from a bucket", sh("aws s3 cp --recursive s3://b/agent /opt/agent", "bash /opt/agent/mount"), runs=False, unread="not in the user-data"),
    Case("AWS's own", sh('curl "https://awscli.amazonaws.com/awscli-exe-linux-x86_64.zip" -o "awscliv2.zip"', "unzip awscliv2.zip", "sudo ./aws/install"), runs=False),
    # --- others that serve Docker's socket
    Case("ghostunnel", sh("ghostunnel server --listen 0.0.0.0:2376 --target unix:/var/run/docker.sock --disable-authentication"), (("tcp://0.0.0.0:2376", NO_CHECK),)),
    Case("ghostunnel that checks", sh("ghostunnel server --cacert ca.pem --listen 0.0.0.0:2376 --target unix:/var/run/docker.sock --allow-all"), (("tcp://0.0.0.0:2376", MUTUAL),)),
    Case("ghostunnel elsewhere", sh("ghostunnel server --listen 0.0.0.0:8443 --target localhost:8080 --disable-authentication"), runs=False),
    Case("gost", sh("gost -L=:2375/unix:///var/run/docker.sock"), FOUND),
    Case("gost with a chain", sh("gost -L tcp://:2375 -F forward+unix:///var/run/docker.sock"), FOUND),
    Case("gost elsewhere", sh("gost -L=:8080"), runs=False),
    Case("websocat", sh("websocat -s 0.0.0.0:2375 unix:/var/run/docker.sock"), FOUND),
    Case("websocat elsewhere", sh("websocat -s 0.0.0.0:8080 tcp:127.0.0.1:80"), runs=False),
    Case("simpleproxy", sh("simpleproxy -L 0.0.0.0:2375 -R 127.0.0.1:2376"), FOUND),
    Case("simpleproxy elsewhere", sh("simpleproxy -L 8080 -R 127.0.0.1:80"), runs=False),
    Case("caddy", sh("caddy reverse-proxy --from :2375 --to unix//var/run/docker.sock"), FOUND),
    Case("caddy elsewhere", sh("caddy reverse-proxy --from :80 --to 127.0.0.1:8080"), runs=False),
    Case("podman", sh("podman system service --time=0 tcp:0.0.0.0:2375 &"), FOUND),
    Case("podman's socket", sh("podman system service --time=0 unix:///run/podman/podman.sock"), runs=False),
    Case("buildkitd", sh("buildkitd --addr tcp://0.0.0.0:1234"), (("tcp://0.0.0.0:1234", OPEN),)),
    Case("buildkitd's socket", sh("buildkitd --addr unix:///run/buildkit/buildkitd.sock"), runs=False),
    Case("socat", sh("socat TCP-LISTEN:2375,fork UNIX:/var/run/docker.sock"), FOUND),
    Case("socat elsewhere", sh("socat TCP-LISTEN:2375,fork TCP:10.0.0.9:80"), runs=False),
    Case("systemd-socket-activate", sh("systemd-socket-activate -l 0.0.0.0:2375 /lib/systemd/systemd-socket-proxyd /run/docker.sock"), FOUND),
    Case("systemd-socket-activate elsewhere", sh("systemd-socket-activate -l 8080 /usr/bin/web"), runs=False),
    Case("ncat elsewhere", sh("ncat -lk 8080 --sh-exec 'cat /etc/motd'"), runs=False),
    Case("ssh elsewhere", sh("ssh -fN -L 0.0.0.0:8080:localhost:80 web.internal"), runs=False),
    Case("env -S", sh("env -S 'dockerd -H tcp://0.0.0.0:2375'"), FOUND),
    Case("env --split-string", sh("env --split-string='dockerd -H tcp://0.0.0.0:2375'"), FOUND),
    Case("what is not known", sh("mystery-proxy --upstream unix:///var/run/docker.sock"), runs=False, unread="mystery-proxy names Docker's socket"),
    Case("what is not known, by its port", sh("mystery-proxy --upstream localhost:2375"), runs=False, unread="names Docker's socket"),
    Case("what only looks", sh("curl --unix-socket /var/run/docker.sock http://x/info", "ls -l /var/run/docker.sock", "chmod 660 /var/run/docker.sock", "test -S /var/run/docker.sock", "chown root:docker /run/docker.sock"), runs=False),
    # --- Python's lists
    Case("a list in steps", "#!/usr/bin/python3\nimport subprocess\ncommand = ['dockerd']\ncommand += ['-H', 'unix://']\ncommand.append('-H')\ncommand.extend(['tcp://0.0.0.0:2375'])\nsubprocess.run(command)\n", FOUND),
    Case("a list in a list", "#!/usr/bin/python3\nimport subprocess\nhosts = ['-H', 'tcp://0.0.0.0:2375']\nsubprocess.run(['dockerd', *hosts])\n", FOUND),
    # --- scripts that are not closed
    Case("a quote that is open", sh('echo "hello', "dockerd -H tcp://0.0.0.0:2375"), runs=False, unread="not closed"),
    Case("a block that is open", sh("if true; then", "dockerd -H tcp://0.0.0.0:2375"), FOUND, unread="not closed"),
]  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=case.kind) for case in CASES])
def test_a_kind_is_judged_right(case: Case) -> None:
    judged = judge(case.document)
    found = {(str(each.listener), each.listener.access.value) for each in judged.listeners}
    assert found == set(case.listeners)
    assert judged.runs_docker == case.runs
    if case.unread:
        assert any(case.unread in each for each in judged.unread), judged.unread
    else:
        assert judged.unread == ()


def test_every_program_that_may_open_the_socket_has_a_violation_and_a_neighbour() -> None:
    from aws_docker.boot.programs.registry import REGISTRY
    from tests.unit.test_boot_listeners import HARMLESS, VIOLATIONS

    opening = {name for name, row in REGISTRY.items() if row.opens}
    twins = {
        "netcat": "nc",
        "autossh": "ssh",
        "systemd-activate": "systemd-socket-activate",
        "websocat4": "websocat",
    }
    violations = [row[1] for row in VIOLATIONS] + [case.document for case in CASES if case.listeners]
    harmless = [row[1] for row in HARMLESS] + [case.document for case in CASES if not case.listeners]
    for name in opening - set(twins):
        assert any(name in document for document in violations), name
        assert any(name in document for document in harmless), name
