"""What user-data makes dockerd listen on: violations, and the harmless neighbours of each."""

# ruff: noqa: E501 - a row of a table is a line

import base64
import gzip
import json
from typing import Any

import pytest

from aws_docker.boot import judge

OPEN, NO_CHECK, PUBLIC, MUTUAL, UNREADABLE = (
    "unauthenticated",
    "tls-without-client-check",
    "tls-with-public-authorities",
    "mutual-tls",
    "unreadable",
)
TLS = "--tlsverify --tlscacert=/c/ca.pem --tlscert=/c/cert.pem --tlskey=/c/key.pem"
TLS_FILE = {"tlsverify": True, "tlscacert": "/c/ca.pem", "tlscert": "/c/cert.pem", "tlskey": "/c/key.pem"}
ANY = "tcp://0.0.0.0:2375"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def gz64(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode())).decode()


def sh(*lines: str) -> str:
    return "\n".join(("#!/bin/bash", *lines)) + "\n"


def cloud_config(*files: tuple[str, str], **config: Any) -> str:
    entries = [{"path": path, "content": content} for path, content in files]
    return "#cloud-config\n" + json.dumps({"write_files": entries, **config})


def heredoc(path: str, text: str, how: str = "cat > {path} <<'EOF'") -> str:
    return f"{how.format(path=path)}\n{text}\nEOF"


def daemon_json(**options: Any) -> str:
    return json.dumps(options)


DROP_IN = "/etc/systemd/system/docker.service.d/override.conf"
EXEC = "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd %s"
JSON = "/etc/docker/daemon.json"

# name, user-data, the listeners that are reported: address and verdict
VIOLATIONS: list[tuple[str, str, list[tuple[str, str]]]] = [
    # --- dockerd on a command line
    ("in the foreground", sh("dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("in the background", sh("nohup dockerd -H tcp://0.0.0.0:2375 >/var/log/d.log 2>&1 &"), [(ANY, OPEN)]),
    ("with its path", sh("/usr/bin/dockerd --host=tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("sh, dash, zsh", "#!/bin/dash\ndockerd -H tcp://0.0.0.0:2375", [(ANY, OPEN)]),
    ("env shebang", "#!/usr/bin/env bash\ndockerd -H tcp://0.0.0.0:2375", [(ANY, OPEN)]),
    ("no shebang", "dockerd -H tcp://0.0.0.0:2375\n", [(ANY, OPEN)]),
    ("blank lines before the shebang", "\n\n#!/bin/sh\ndockerd -H tcp://0.0.0.0:2375\n", [(ANY, OPEN)]),
    ("Windows line ends", "#!/bin/bash\r\ndockerd -H tcp://0.0.0.0:2375\r\n", [(ANY, OPEN)]),
    ("without a port", sh("dockerd -H tcp://0.0.0.0"), [(ANY, OPEN)]),
    ("without a scheme", sh("dockerd -H 0.0.0.0:2375"), [(ANY, OPEN)]),
    ("without a space", sh("dockerd -H0.0.0.0:2375"), [(ANY, OPEN)]),
    ("IPv6", sh("dockerd -H 'tcp://[::]:2375'"), [("tcp://[::]:2375", OPEN)]),
    ("one address", sh("dockerd -H tcp://10.0.0.5:2375"), [("tcp://10.0.0.5:2375", OPEN)]),
    ("loopback is for the caller to judge", sh("dockerd -H tcp://127.0.0.1:2375"), [("tcp://127.0.0.1:2375", OPEN)]),
    ("an abstract socket", sh("dockerd -H unix://@docker"), [("unix://@docker", OPEN)]),
    ("another port", sh("dockerd -H tcp://0.0.0.0:4243"), [("tcp://0.0.0.0:4243", OPEN)]),
    ("2376 without TLS", sh("dockerd -H tcp://0.0.0.0:2376"), [("tcp://0.0.0.0:2376", OPEN)]),
    (
        "certificates without tlsverify",
        sh("dockerd -H tcp://0.0.0.0:2376 --tlscacert=/c/ca.pem --tlscert=/c/cert.pem --tlskey=/c/key.pem"),
        [("tcp://0.0.0.0:2376", OPEN)],
    ),
    (
        "tlsverify is false",
        sh("dockerd -H tcp://0.0.0.0:2376 --tlsverify=false --tlscert=/c/cert.pem --tlskey=/c/key.pem"),
        [("tcp://0.0.0.0:2376", NO_CHECK)],
    ),
    ("continued lines", sh("dockerd \\\n  -H fd:// \\\n  -H tcp://0.0.0.0:2375 \\\n  --log-level=info"), [(ANY, OPEN)]),
    ("sudo", sh("sudo -E dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("sudo for a user", sh("sudo -u root -H dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("env", sh("env -i PATH=/usr/bin FOO=1 dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("assignments before it", sh("FOO=1 DOCKER_RAMDISK=true dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("exec", sh("exec dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("exec under a name", sh("exec -a innocent dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("setsid, nice and timeout", sh("setsid nice -n 5 timeout 99 dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("systemd-run", sh("systemd-run --unit=d --property=Restart=always dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("sh -c", sh('sh -c "dockerd -H tcp://0.0.0.0:2375"'), [(ANY, OPEN)]),
    ("bash -lc in sudo", sh("sudo bash -lc 'exec dockerd -H tcp://0.0.0.0:2375'"), [(ANY, OPEN)]),
    ("su -c", sh("su - root -c 'dockerd -H tcp://0.0.0.0:2375'"), [(ANY, OPEN)]),
    ("a shell fed by a here-document", sh("sudo bash <<EOF\ndockerd -H tcp://0.0.0.0:2375\nEOF"), [(ANY, OPEN)]),
    ("a shell fed by a here-string", sh("bash <<< 'dockerd -H tcp://0.0.0.0:2375'"), [(ANY, OPEN)]),
    ("a shell fed by a pipe", sh("echo 'dockerd -H tcp://0.0.0.0:2375' | sudo bash -s"), [(ANY, OPEN)]),
    ("eval", sh("eval \"dockerd -H tcp://0.0.0.0:2375\""), [(ANY, OPEN)]),
    ("base64 into a shell", sh(f"echo {b64('dockerd -H tcp://0.0.0.0:2375')} | base64 -d | bash"), [(ANY, OPEN)]),
    ("base64 and gzip into a shell", sh(f"base64 -d <<< {gz64('dockerd -H ' + ANY)} | gunzip | sh"), [(ANY, OPEN)]),
    ("eval of base64", sh(f'eval "$(echo {b64("dockerd -H " + ANY)} | base64 --decode)"'), [(ANY, OPEN)]),
    ("hex into a shell", sh(f"echo {('dockerd -H ' + ANY).encode().hex()} | xxd -r -p | sh"), [(ANY, OPEN)]),
    ("quotes inside the name", sh("do''ckerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("a quoted name", sh('"dockerd" "-H" "tcp://0.0.0.0:2375"'), [(ANY, OPEN)]),
    ("a backslash in the name", sh("d\\ockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("escapes in the name", sh("$'\\x64ockerd' -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("a name in pieces", sh("a=dock; b=erd; $a$b -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("a name from a pattern", sh("/usr/bin/dock?rd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("braces", sh("{dockerd,-H,tcp://0.0.0.0:2375}"), [(ANY, OPEN)]),
    ("another name by a link", sh("ln -s /usr/bin/dockerd /tmp/x", "/tmp/x -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("another name by a copy", sh("cp $(which dockerd) /opt/engine", "/opt/engine -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("an alias", sh("shopt -s expand_aliases", "alias d=dockerd", "d -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("a function", sh('run() { dockerd -H "$1"; }', "run tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("a function that a trap calls", sh("up() { dockerd -H tcp://0.0.0.0:2375; }", "trap up EXIT"), [(ANY, OPEN)]),
    ("a branch", sh("if [ -n \"$X\" ]; then", "  dockerd -H tcp://0.0.0.0:2375 &", "fi"), [(ANY, OPEN)]),
    ("an else", sh("if $X; then :; else dockerd -H tcp://0.0.0.0:2375; fi"), [(ANY, OPEN)]),
    ("a case", sh("case $MODE in", " start) dockerd -H tcp://0.0.0.0:2375 ;;", " *) exit 1;;", "esac"), [(ANY, OPEN)]),
    ("a loop", sh("while true; do dockerd -H tcp://0.0.0.0:2375; sleep 1; done &"), [(ANY, OPEN)]),
    ("a for loop", sh("for h in unix:// tcp://0.0.0.0:2375; do o=\"$o -H $h\"; done", "dockerd $o"), [(ANY, OPEN)]),
    ("a subshell", sh("(cd / && dockerd -H tcp://0.0.0.0:2375 &)"), [(ANY, OPEN)]),
    ("after &&", sh("true && dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("after ||", sh("systemctl start docker || dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("after an exit that may not happen", sh("[ -x /bin/x ] && exit 1", "dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("after an exit in a branch", sh("if [ -f /x ]; then exit 0; fi", "up() { exit 0; }", "(exit 0)", "dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("a variable", sh('OPTS="-H fd:// -H tcp://0.0.0.0:2375"', "dockerd $OPTS"), [(ANY, OPEN)]),
    ("a variable for the port", sh("PORT=2375; dockerd -H tcp://0.0.0.0:$PORT"), [(ANY, OPEN)]),
    ("a default", sh("dockerd -H tcp://${BIND:-0.0.0.0}:${PORT:-2375}"), [(ANY, OPEN)]),
    ("arithmetic", sh("P=2300; dockerd -H tcp://0.0.0.0:$((P + 75))"), [(ANY, OPEN)]),
    ("an array", sh("args=(-H tcp://0.0.0.0:2375)", 'dockerd "${args[@]}"'), [(ANY, OPEN)]),
    ("an array that grows", sh("args=()", "args+=(-H tcp://0.0.0.0:2375)", 'dockerd "${args[@]}"'), [(ANY, OPEN)]),
    ("positional words", sh("set -- -H tcp://0.0.0.0:2375", 'dockerd "$@"'), [(ANY, OPEN)]),
    ("one of two values", sh("H=unix://", "[ -f /x ] && H=tcp://0.0.0.0:2375", "dockerd -H $H"), [(ANY, OPEN)]),
    (
        "an address that the machine tells",
        sh("IP=$(curl -s http://169.254.169.254/latest/meta-data/local-ipv4)", "dockerd -H tcp://$IP:2375"),
        [("tcp://$(command):2375", OPEN)],
    ),
    ("what printf printed", sh("dockerd $(printf -- '-H tcp://%s:%d' 0.0.0.0 2375)"), [(ANY, OPEN)]),
    ("start-stop-daemon", sh("start-stop-daemon --start --background --exec /usr/bin/dockerd -- -H " + ANY), [(ANY, OPEN)]),
    ("an unknown starter", sh("superstart dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("screen", sh("screen -dmS d dockerd -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("tmux", sh("tmux new-session -d 'dockerd -H tcp://0.0.0.0:2375'"), [(ANY, OPEN)]),
    ("docker daemon", sh("docker daemon -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("docker -d", sh("docker -d -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("docker -H -d", sh("docker -H tcp://0.0.0.0:2375 -d &"), [(ANY, OPEN)]),
    ("rootless", sh("dockerd-rootless.sh -H tcp://0.0.0.0:2375"), [(ANY, OPEN)]),
    ("a script that it writes and runs", sh(heredoc("/opt/up.sh", "#!/bin/sh\ndockerd -H " + ANY), "sh /opt/up.sh"), [(ANY, OPEN)]),
    ("a script that it writes for later", sh(heredoc("/opt/up.sh", "#!/bin/sh\ndockerd -H " + ANY), "chmod +x /opt/up.sh"), [(ANY, OPEN)]),
    ("a script that it sources", sh(heredoc("/opt/up", "dockerd -H " + ANY), ". /opt/up"), [(ANY, OPEN)]),
    ("rc.local", sh("echo 'dockerd -H tcp://0.0.0.0:2375 &' >> /etc/rc.local"), [(ANY, OPEN)]),
    ("cron", sh("echo '@reboot root dockerd -H tcp://0.0.0.0:2375' > /etc/cron.d/d"), [(ANY, OPEN)]),
    ("crontab", sh("(crontab -l; echo '@reboot dockerd -H tcp://0.0.0.0:2375') | crontab -"), [(ANY, OPEN)]),
    # --- daemon.json
    ("daemon.json", cloud_config((JSON, daemon_json(hosts=[ANY]))), [(ANY, OPEN)]),
    ("daemon.json in a here-document", sh(heredoc(JSON, daemon_json(hosts=["fd://", ANY])), "systemctl restart docker"), [(ANY, OPEN)]),
    ("unquoted here-document", sh("P=2375", heredoc(JSON, '{"hosts": ["tcp://0.0.0.0:$P"]}', "cat <<EOF > {path}")), [(ANY, OPEN)]),
    ("tee", sh(heredoc(JSON, daemon_json(hosts=[ANY]), "cat <<'EOF' | sudo tee {path} >/dev/null")), [(ANY, OPEN)]),
    ("tee with a here-document", sh(heredoc(JSON, daemon_json(hosts=[ANY]), "sudo tee {path} <<-'EOF'")), [(ANY, OPEN)]),
    ("tabs before the here-document", sh("if true; then", "\tcat > /etc/docker/daemon.json <<-EOF", '\t{"hosts": ["tcp://0.0.0.0:2375"]}', "\tEOF", "fi"), [(ANY, OPEN)]),
    ("echo", sh("echo '{\"hosts\": [\"tcp://0.0.0.0:2375\"]}' > /etc/docker/daemon.json"), [(ANY, OPEN)]),
    ("echo with escaped quotes", sh('echo "{\\"hosts\\": [\\"tcp://0.0.0.0:2375\\"]}" > /etc/docker/daemon.json'), [(ANY, OPEN)]),
    ("printf", sh("printf '{\"hosts\": [\"%s\"]}\\n' tcp://0.0.0.0:2375 > /etc/docker/daemon.json"), [(ANY, OPEN)]),
    ("line by line", sh("f=/etc/docker/daemon.json", "echo '{' > $f", "echo '\"hosts\": [\"tcp://0.0.0.0:2375\"]' >> $f", "echo '}' >> $f"), [(ANY, OPEN)]),
    ("a group", sh("{ echo '{'; echo '\"hosts\": [\"tcp://0.0.0.0:2375\"]'; echo '}'; } > /etc/docker/daemon.json"), [(ANY, OPEN)]),
    ("from another directory", sh("cd /etc/docker", "echo '{\"hosts\": [\"tcp://0.0.0.0:2375\"]}' > daemon.json"), [(ANY, OPEN)]),
    ("moved into place", sh(heredoc("/tmp/d.json", daemon_json(hosts=[ANY])), "mv /tmp/d.json /etc/docker/daemon.json"), [(ANY, OPEN)]),
    ("copied into the directory", sh(heredoc("/tmp/daemon.json", daemon_json(hosts=[ANY])), "cp /tmp/daemon.json /etc/docker/"), [(ANY, OPEN)]),
    ("installed", sh(heredoc("/tmp/d", daemon_json(hosts=[ANY])), "install -m 644 /tmp/d /etc/docker/daemon.json"), [(ANY, OPEN)]),
    ("linked", sh(heredoc("/opt/d.json", daemon_json(hosts=[ANY])), "ln -sf /opt/d.json /etc/docker/daemon.json"), [(ANY, OPEN)]),
    ("an odd spelling of the path", cloud_config(("/etc/./docker//daemon.json", daemon_json(hosts=[ANY]))), [(ANY, OPEN)]),
    ("another place", sh(heredoc("/opt/d.json", daemon_json(hosts=[ANY])), "dockerd --config-file /opt/d.json"), [(ANY, OPEN)]),
    ("rootless", cloud_config(("/home/ubuntu/.config/docker/daemon.json", daemon_json(hosts=[ANY]))), [(ANY, OPEN)]),
    ("snap", cloud_config(("/var/snap/docker/current/config/daemon.json", daemon_json(hosts=[ANY]))), [(ANY, OPEN)]),
    ("jq", sh("jq '.hosts = [\"tcp://0.0.0.0:2375\"]' /etc/docker/daemon.json > /tmp/d && mv /tmp/d /etc/docker/daemon.json"), [(ANY, OPEN)]),
    ("jq from nothing", sh("jq -n --arg h tcp://0.0.0.0:2375 '{hosts: [$h]}' > /etc/docker/daemon.json"), [(ANY, OPEN)]),
    ("jq that adds", sh("echo '{}' | jq '. + {\"hosts\": [\"tcp://0.0.0.0:2375\"]}' | sudo tee /etc/docker/daemon.json"), [(ANY, OPEN)]),
    ("python", sh("python3 -c \"import json; json.dump({'hosts': ['tcp://0.0.0.0:2375']}, open('/etc/docker/daemon.json', 'w'))\""), [(ANY, OPEN)]),
    ("a python script", "#!/usr/bin/env python3\nimport subprocess\nsubprocess.Popen(['dockerd', '-H', 'tcp://0.0.0.0:2375'])\n", [(ANY, OPEN)]),
    ("python that opens a file", sh("python3 <<'EOF'", "with open('/etc/docker/daemon.json', 'w') as f:", "    f.write('{')", "    f.write('\"hosts\": [\"tcp://0.0.0.0:2375\"]}')", "EOF"), [(ANY, OPEN)]),
    ("python that decodes", sh(f"python3 -c \"import base64, os; os.system(base64.b64decode('{b64('dockerd -H ' + ANY)}').decode())\""), [(ANY, OPEN)]),
    ("a template that sed fills", sh(heredoc(JSON, daemon_json(hosts=["tcp://BIND:2375"])), "sed -i 's/BIND/0.0.0.0/' /etc/docker/daemon.json"), [(ANY, OPEN)]),
    ("a template that envsubst fills", sh("export H=0.0.0.0", "envsubst > /etc/docker/daemon.json <<'EOF'", '{"hosts": ["tcp://${H}:2375"]}', "EOF"), [(ANY, OPEN)]),
    ("while the package is installed", cloud_config((JSON, daemon_json(hosts=[ANY])), packages=["docker.io"], runcmd=["rm /etc/docker/daemon.json", "systemctl restart docker"]), [(ANY, OPEN)]),
    ("base64", sh(f"echo {b64(daemon_json(hosts=[ANY]))} | base64 -d > /etc/docker/daemon.json"), [(ANY, OPEN)]),
    ("certificates without tlsverify", cloud_config((JSON, daemon_json(hosts=["tcp://0.0.0.0:2376"], tlscacert="a", tlscert="b", tlskey="c"))), [("tcp://0.0.0.0:2376", OPEN)]),
    ("tlsverify without a CA", cloud_config((JSON, daemon_json(hosts=["tcp://0.0.0.0:2376"], tlsverify=True, tlscert="b", tlskey="c"))), [("tcp://0.0.0.0:2376", PUBLIC)]),
    ("tlsverify is false", cloud_config((JSON, daemon_json(**{**TLS_FILE, "tlsverify": False}, hosts=["tcp://0.0.0.0:2376"]))), [("tcp://0.0.0.0:2376", NO_CHECK)]),
    ("written safe, then open", sh(heredoc(JSON, daemon_json(icc=False)), heredoc(JSON, daemon_json(hosts=[ANY]))), [(ANY, OPEN)]),
    ("written open, started, then safe", sh(heredoc(JSON, daemon_json(hosts=[ANY])), "systemctl restart docker", heredoc(JSON, "{}")), [(ANY, OPEN)]),
    ("open in one branch", sh("if $X; then", heredoc(JSON, daemon_json(hosts=[ANY])), "else", heredoc(JSON, "{}"), "fi"), [(ANY, OPEN)]),
    ("safe only perhaps", sh(heredoc(JSON, daemon_json(hosts=[ANY])), "test -f /x && echo '{}' > /etc/docker/daemon.json"), [(ANY, OPEN)]),
    # --- systemd
    ("a drop-in", cloud_config((DROP_IN, EXEC % "-H fd:// -H tcp://0.0.0.0:2375")), [(ANY, OPEN)]),
    ("a drop-in in a script", sh("mkdir -p /etc/systemd/system/docker.service.d", heredoc(DROP_IN, EXEC % ("-H " + ANY)), "systemctl daemon-reload"), [(ANY, OPEN)]),
    ("a continued ExecStart", cloud_config((DROP_IN, EXEC % "-H fd:// \\\n  -H tcp://0.0.0.0:2375 \\\n  --debug")), [(ANY, OPEN)]),
    ("a second drop-in", cloud_config((DROP_IN, EXEC % ("-H tcp://10.0.0.5:2376 " + TLS)), (DROP_IN.replace("override", "zz"), EXEC % ("-H " + ANY))), [(ANY, OPEN)]),
    ("a drop-in beside a safe daemon.json", cloud_config((JSON, daemon_json(**TLS_FILE)), (DROP_IN, EXEC % "-H tcp://0.0.0.0:2376 --tlsverify=false")), [("tcp://0.0.0.0:2376", MUTUAL)]),
    ("a whole unit", cloud_config(("/etc/systemd/system/docker.service", "[Service]\nExecStart=/usr/bin/dockerd -H " + ANY)), [(ANY, OPEN)]),
    ("a unit of another name", cloud_config(("/etc/systemd/system/engine.service", "[Service]\nExecStart=/usr/bin/dockerd -H " + ANY)), [(ANY, OPEN)]),
    ("a unit that starts a shell", cloud_config(("/etc/systemd/system/e.service", "[Service]\nExecStart=/bin/sh -c 'exec dockerd -H tcp://0.0.0.0:2375'")), [(ANY, OPEN)]),
    ("a drop-in for all services", cloud_config(("/etc/systemd/system/service.d/x.conf", "[Service]\nEnvironment=DOCKER_OPTS=-Htcp://0.0.0.0:2375")), [(ANY, OPEN)]),
    ("Environment=", cloud_config((DROP_IN, '[Service]\nEnvironment="DOCKER_OPTS=-H tcp://0.0.0.0:2375"')), [(ANY, OPEN)]),
    ("EnvironmentFile=", cloud_config(("/etc/d.env", "FLAGS=-H tcp://0.0.0.0:2375"), (DROP_IN, "[Service]\nEnvironmentFile=/etc/d.env\nExecStart=\nExecStart=dockerd $FLAGS")), [(ANY, OPEN)]),
    ("a variable for the host", cloud_config((DROP_IN, "[Service]\nEnvironment=HOST=0.0.0.0\nExecStart=\nExecStart=dockerd -H tcp://${HOST}:2375")), [(ANY, OPEN)]),
    ("systemctl edit", sh("systemctl edit --stdin docker.service <<EOF", EXEC % ("-H " + ANY), "EOF"), [(ANY, OPEN)]),
    ("systemctl edit with an editor", sh("cat <<EOF | SYSTEMD_EDITOR=tee systemctl edit docker", EXEC % ("-H " + ANY), "EOF"), [(ANY, OPEN)]),
    ("docker.socket", cloud_config(("/etc/systemd/system/docker.socket.d/tcp.conf", "[Socket]\nListenStream=2375")), [("tcp://[::]:2375", OPEN)]),
    ("a socket for docker.service", cloud_config(("/etc/systemd/system/docker-tcp.socket", "[Socket]\nListenStream=0.0.0.0:2375\nService=docker.service")), [(ANY, OPEN)]),
    ("sed on the unit", sh("sed -i 's|-H fd://|-H fd:// -H tcp://0.0.0.0:2375|' /lib/systemd/system/docker.service"), [(ANY, OPEN)]),
    ("sed on all of ExecStart", sh("sed -i 's#^ExecStart=.*#ExecStart=/usr/bin/dockerd -H fd:// -H tcp://0.0.0.0:2375#g' /usr/lib/systemd/system/docker.service"), [(ANY, OPEN)]),
    ("sed with escaped slashes", sh("sudo sed -i -e 's/fd:\\/\\//tcp:\\/\\/0.0.0.0:2375/' /lib/systemd/system/docker.service"), [(ANY, OPEN)]),
    ("sed at the end of a line", sh("sed -i '/^ExecStart=/ s|$| -H tcp://0.0.0.0:2375|' /lib/systemd/system/docker.service"), [(ANY, OPEN)]),
    ("sed with &", sh("sed -i 's|^ExecStart=/usr/bin/dockerd|& -H tcp://0.0.0.0:2375|' /lib/systemd/system/docker.service"), [(ANY, OPEN)]),
    ("sed that matches another unit's text", sh("sed -i 's|--containerd=/x|-H tcp://0.0.0.0:2375|' /lib/systemd/system/docker.service"), [(ANY, OPEN)]),
    ("sed on a copy", sh("cp /lib/systemd/system/docker.service /etc/systemd/system/", "sed -i 's|fd://|fd:// -H tcp://0.0.0.0:2375|' /etc/systemd/system/docker.service"), [(ANY, OPEN)]),
    ("sed that appends a line", sh("sed -i '/\\[Service\\]/a Environment=\"DOCKER_OPTS=-H tcp://0.0.0.0:2375\"' /lib/systemd/system/docker.service"), [(ANY, OPEN)]),
    ("/etc/default/docker", sh("echo 'DOCKER_OPTS=\"-H tcp://0.0.0.0:2375\"' >> /etc/default/docker", "service docker restart"), [(ANY, OPEN)]),
    ("/etc/sysconfig/docker", sh("echo \"OPTIONS='-H tcp://0.0.0.0:2375'\" > /etc/sysconfig/docker"), [(ANY, OPEN)]),
    ("/etc/sysconfig/docker-network", cloud_config(("/etc/sysconfig/docker-network", 'DOCKER_NETWORK_OPTIONS="-H tcp://0.0.0.0:2375"')), [(ANY, OPEN)]),
    ("sed on the defaults", sh("sed -i 's|^OPTIONS=\"|OPTIONS=\"-H tcp://0.0.0.0:2375 |' /etc/sysconfig/docker"), [(ANY, OPEN)]),
    ("sed on the defaults' comment", sh("sed -i 's|#DOCKER_OPTS=.*|DOCKER_OPTS=\"-H tcp://0.0.0.0:2375\"|' /etc/default/docker"), [(ANY, OPEN)]),
    ("upstart", cloud_config(("/etc/init/docker.conf", "start on runlevel [2345]\nscript\n  exec dockerd -H tcp://0.0.0.0:2375\nend script")), [(ANY, OPEN)]),
    # --- cloud-config
    ("runcmd as words", cloud_config(runcmd=[["dockerd", "-H", ANY]]), [(ANY, OPEN)]),
    ("runcmd as a line", cloud_config(runcmd=["dockerd -H " + ANY]), [(ANY, OPEN)]),
    ("runcmd as lines", cloud_config(runcmd=["cat > /etc/docker/daemon.json <<EOF", daemon_json(hosts=[ANY]), "EOF"]), [(ANY, OPEN)]),
    ("runcmd with a variable between lines", cloud_config(runcmd=["H=" + ANY, "dockerd -H $H"]), [(ANY, OPEN)]),
    ("bootcmd", cloud_config(bootcmd=[["cloud-init-per", "once", "d", "dockerd", "-H", ANY]]), [(ANY, OPEN)]),
    ("an encoding", "#cloud-config\n" + json.dumps({"write_files": [{"path": JSON, "encoding": "b64", "content": b64(daemon_json(hosts=[ANY]))}]}), [(ANY, OPEN)]),
    ("gzip and base64", "#cloud-config\n" + json.dumps({"write_files": [{"path": JSON, "encoding": "gzip+base64", "content": gz64(daemon_json(hosts=[ANY]))}]}), [(ANY, OPEN)]),
    ("!!binary", f"#cloud-config\nwrite_files:\n- path: {JSON}\n  content: !!binary {b64(daemon_json(hosts=[ANY]))}\n", [(ANY, OPEN)]),
    ("append", "#cloud-config\n" + json.dumps({"write_files": [{"path": "/etc/default/docker", "append": True, "content": f'DOCKER_OPTS="-H {ANY}"\n'}]}), [(ANY, OPEN)]),
    ("an anchor", f"#cloud-config\nx: &x 'dockerd -H {ANY}'\nruncmd: [*x]\n", [(ANY, OPEN)]),
    ("a merge key", f"#cloud-config\nx: &x {{path: {JSON}}}\nwrite_files:\n- <<: *x\n  content: '{daemon_json(hosts=[ANY])}'\n", [(ANY, OPEN)]),
    ("a folded text", f"#cloud-config\nruncmd:\n- >\n  dockerd\n  -H\n  {ANY}\n", [(ANY, OPEN)]),
    ("an escaped text", '#cloud-config\nruncmd: ["\\x64ockerd -H tcp:\\/\\/0.0.0.0:2375"]\n', [(ANY, OPEN)]),
    ("capitals in the header", "#Cloud-Config\n" + json.dumps({"runcmd": ["dockerd -H " + ANY]}), [(ANY, OPEN)]),
    ("a boothook", f"#cloud-boothook\n#!/bin/sh\ndockerd -H {ANY}\n", [(ANY, OPEN)]),
    ("an archive", "#cloud-config-archive\n" + json.dumps([{"type": "text/x-shellscript", "content": f"#!/bin/sh\ndockerd -H {ANY}"}]), [(ANY, OPEN)]),
    ("an archive of plain texts", "#cloud-config-archive\n" + json.dumps([f"#!/bin/sh\ndockerd -H {ANY}"]), [(ANY, OPEN)]),
    ("a template", "## template: jinja\n#cloud-config\nruncmd:\n- dockerd -H tcp://{{ v1.local_ipv4 }}:2375\n", [("tcp://$(command):2375", OPEN)]),
    ("a script as a template", f"## template: jinja\n#!/bin/sh\ndockerd -H {ANY}\n", [(ANY, OPEN)]),
    ("CoreOS units", "#cloud-config\n" + json.dumps({"coreos": {"units": [{"name": "docker-tcp.socket", "command": "start", "content": "[Socket]\nListenStream=2375\nService=docker.service"}]}}), [("tcp://[::]:2375", OPEN)]),
    ("CoreOS drop-ins", "#cloud-config\n" + json.dumps({"coreos": {"units": [{"name": "docker.service", "drop-ins": [{"name": "10.conf", "content": EXEC % ("-H " + ANY)}]}]}}), [(ANY, OPEN)]),
    # --- Ignition and Windows
    ("Ignition files", json.dumps({"ignition": {"version": "3.4.0"}, "storage": {"files": [{"path": JSON, "contents": {"source": "data:;base64," + b64(daemon_json(hosts=[ANY]))}}]}}), [(ANY, OPEN)]),
    ("Ignition files, escaped", json.dumps({"ignition": {"version": "3.4.0"}, "storage": {"files": [{"path": JSON, "contents": {"source": "data:,%7B%22hosts%22%3A%5B%22tcp%3A%2F%2F0.0.0.0%3A2375%22%5D%7D"}}]}}), [(ANY, OPEN)]),
    ("Ignition files, compressed", json.dumps({"ignition": {"version": "3.4.0"}, "storage": {"files": [{"path": JSON, "contents": {"compression": "gzip", "source": "data:;base64," + gz64(daemon_json(hosts=[ANY]))}}]}}), [(ANY, OPEN)]),
    ("Ignition units", json.dumps({"ignition": {"version": "3.4.0"}, "systemd": {"units": [{"name": "docker.service", "dropins": [{"name": "a.conf", "contents": EXEC % ("-H " + ANY)}]}]}}), [(ANY, OPEN)]),
    ("PowerShell", "<powershell>\ndockerd --register-service -H npipe:// -H 0.0.0.0:2375\nStart-Service docker\n</powershell>", [(ANY, OPEN)]),
    ("PowerShell's daemon.json", "<powershell>\nSet-Content -Path C:\\ProgramData\\docker\\config\\daemon.json -Value '{\"hosts\": [\"tcp://0.0.0.0:2375\", \"npipe://\"]}'\n</powershell>", [(ANY, OPEN)]),
    ("PowerShell's hash table", "<powershell>\n@{ hosts = @('tcp://0.0.0.0:2375', 'npipe://') } | ConvertTo-Json | Out-File C:\\ProgramData\\Docker\\config\\daemon.json\nRestart-Service docker\n</powershell>", [(ANY, OPEN)]),
    ("batch", "<script>\nsc config docker binPath= \"\\\"C:\\Program Files\\docker\\dockerd.exe\\\" --run-service -H tcp://0.0.0.0:2375\"\n</script>", [(ANY, OPEN)]),
    # --- in front of the socket
    ("socat", sh("socat TCP-LISTEN:2375,reuseaddr,fork UNIX-CONNECT:/var/run/docker.sock &"), [(ANY, OPEN)]),
    ("socat on one address", sh("socat TCP4-LISTEN:4000,bind=10.0.0.5,fork UNIX:/run/docker.sock"), [("tcp://10.0.0.5:4000", OPEN)]),
    ("socat with TLS", sh("socat OPENSSL-LISTEN:2376,cert=a.pem,verify=0,fork UNIX-CONNECT:/var/run/docker.sock"), [("tcp://0.0.0.0:2376", NO_CHECK)]),
    ("ncat", sh("ncat -lk 2375 --sh-exec 'ncat -U /var/run/docker.sock'"), [(ANY, OPEN)]),
    ("nc with a pipe", sh("mkfifo /tmp/f; nc -lk 2375 </tmp/f | nc -U /var/run/docker.sock >/tmp/f"), [(ANY, OPEN)]),
    ("socat as a service", cloud_config(("/etc/systemd/system/d.service", "[Service]\nExecStart=/usr/bin/socat TCP-LISTEN:2375,fork UNIX-CONNECT:/var/run/docker.sock")), [(ANY, OPEN)]),
    (
        "systemd-socket-proxyd",
        cloud_config(
            ("/etc/systemd/system/dp.socket", "[Socket]\nListenStream=2375"),
            ("/etc/systemd/system/dp.service", "[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd /run/docker.sock"),
        ),
        [("tcp://[::]:2375", OPEN)],
    ),
    ("nginx", cloud_config(("/etc/nginx/conf.d/d.conf", "upstream d { server unix:/var/run/docker.sock; }\nserver {\n  listen 2375;\n  location / { proxy_pass http://d; }\n}")), [(ANY, OPEN)]),
    ("a socket proxy", sh("docker run -d -v /var/run/docker.sock:/var/run/docker.sock -p 2375:2375 tecnativa/docker-socket-proxy"), [(ANY, OPEN)]),
    ("a socat container", sh("docker run -d -v /var/run/docker.sock:/var/run/docker.sock -p 127.0.0.1:2376:2375 bobrik/socat TCP4-LISTEN:2375,fork,reuseaddr UNIX-CONNECT:/var/run/docker.sock"), [("tcp://127.0.0.1:2376", OPEN)]),
    ("docker in docker", sh("docker run --privileged -d -p 2375:2375 -e DOCKER_TLS_CERTDIR= docker:dind"), [(ANY, OPEN)]),
    ("docker in docker, plain", sh("docker run --privileged -d -p 2375:2375 docker:dind"), [(ANY, OPEN)]),
    ("docker in docker, TLS undone", sh("docker run --privileged -d -p 2376:2376 docker:dind --tlsverify=false"), [("tcp://0.0.0.0:2376", NO_CHECK)]),
    ("an old docker in docker", sh("docker run --privileged -d -p 2375:2375 docker:18.09-dind"), [(ANY, OPEN)]),
    ("ssh", sh("ssh -fN -L 0.0.0.0:2375:/var/run/docker.sock localhost"), [(ANY, OPEN)]),
    ("HAProxy", cloud_config(("/etc/haproxy/haproxy.cfg", "frontend d\n  bind *:2375\n  default_backend d\nbackend d\n  server d unix@/var/run/docker.sock\n")), [(ANY, OPEN)]),
    ("docker in docker, with flags", sh("docker run --privileged -d -p 9000:2375 docker:24-dind dockerd -H tcp://0.0.0.0:2375"), [("tcp://0.0.0.0:9000", OPEN)]),
    ("docker in docker on the host's network", sh("docker run --privileged --net=host -e DOCKER_TLS_CERTDIR='' docker:dind"), [(ANY, OPEN)]),
    ("Compose", cloud_config(("/opt/docker-compose.yml", "services:\n  d:\n    image: docker:dind\n    privileged: true\n    environment:\n      DOCKER_TLS_CERTDIR: ''\n    ports: ['2375:2375']\n")), [(ANY, OPEN)]),
    ("Compose, in long", cloud_config(("/opt/compose.yaml", "services:\n  p:\n    image: tecnativa/docker-socket-proxy\n    volumes: ['/var/run/docker.sock:/var/run/docker.sock']\n    ports:\n    - {target: 2375, published: 2375}\n")), [(ANY, OPEN)]),
    ("containerd", cloud_config(("/etc/containerd/config.toml", '[grpc]\n  address = "/run/c.sock"\n  tcp_address = "0.0.0.0:2375"\n')), [(ANY, OPEN)]),
]  # fmt: skip


@pytest.mark.parametrize(("data", "listeners"), [pytest.param(*row[1:], id=row[0]) for row in VIOLATIONS])
def test_a_listener_is_found(data: str, listeners: list[tuple[str, str]]) -> None:
    judged = judge(data)
    found = [(str(each.listener), each.listener.access.value) for each in judged.listeners]
    assert set(listeners) <= set(found)
    assert judged.runs_docker
    # Nothing else is open.
    assert {address for address, _ in found} == {address for address, _ in listeners}


SAFE: list[tuple[str, str, list[str]]] = [
    ("flags", sh(f"dockerd -H fd:// -H tcp://10.0.0.5:2376 {TLS}"), ["tcp://10.0.0.5:2376"]),
    ("daemon.json", cloud_config((JSON, daemon_json(hosts=["fd://", "tcp://10.0.0.5:2376"], **TLS_FILE))), ["tcp://10.0.0.5:2376"]),
    ("a listener by flag, TLS by file", cloud_config((JSON, daemon_json(**TLS_FILE)), runcmd=["dockerd -H tcp://0.0.0.0:2376"]), ["tcp://0.0.0.0:2376"]),
    ("a drop-in", cloud_config((DROP_IN, EXEC % f"-H fd:// -H tcp://10.0.0.5:2376 {TLS}")), ["tcp://10.0.0.5:2376"]),
    ("a drop-in's listener, the file's TLS", cloud_config((JSON, daemon_json(**TLS_FILE)), (DROP_IN, EXEC % "-H tcp://10.0.0.5:2376")), ["tcp://10.0.0.5:2376"]),
    ("a reset replaces an open line", cloud_config((DROP_IN, EXEC % ("-H " + ANY)), (DROP_IN.replace("override", "zz"), EXEC % f"-H tcp://10.0.0.5:2376 {TLS}")), ["tcp://10.0.0.5:2376"]),
    ("a safe socket", cloud_config(("/etc/systemd/system/docker.socket.d/t.conf", "[Socket]\nListenStream=2376"), (JSON, daemon_json(**TLS_FILE))), ["tcp://[::]:2376"]),
    ("docker in docker with TLS", sh("docker run --privileged -e DOCKER_TLS_CERTDIR=/certs -p 2376:2376 docker:dind"), ["tcp://0.0.0.0:2376"]),
    ("socat that checks", sh("socat OPENSSL-LISTEN:2376,cert=s.pem,cafile=ca.pem,fork UNIX:/var/run/docker.sock"), ["tcp://0.0.0.0:2376"]),
]  # fmt: skip


@pytest.mark.parametrize(("data", "listeners"), [pytest.param(*row[1:], id=row[0]) for row in SAFE])
def test_a_safe_listener_is_found_and_is_safe(data: str, listeners: list[str]) -> None:
    judged = judge(data)
    assert [str(each.listener) for each in judged.listeners] == listeners
    assert judged.unsafe == ()
    assert judged.unread == ()
    assert judged.runs_docker


# name, user-data, whether it runs Docker
HARMLESS: list[tuple[str, str, bool]] = [
    ("nothing", "", False),
    ("a comment", sh("# dockerd -H tcp://0.0.0.0:2375", "yum install -y docker # never -H tcp://0.0.0.0:2375", "systemctl start docker"), True),
    ("a comment in a unit", cloud_config((DROP_IN, "[Service]\n# ExecStart=dockerd -H tcp://0.0.0.0:2375\n;ExecStart=dockerd -H tcp://0.0.0.0:2375\n")), True),
    ("a comment in the defaults", sh("echo '#DOCKER_OPTS=\"-H tcp://0.0.0.0:2375\"' >> /etc/default/docker"), True),
    ("printed", sh("echo 'dockerd -H tcp://0.0.0.0:2375 is forbidden'", "printf 'dockerd -H tcp://0.0.0.0:2375'"), False),
    ("logged", sh("logger 'dockerd -H tcp://0.0.0.0:2375'", "echo 'dockerd -H tcp://0.0.0.0:2375' > /dev/console"), False),
    ("documented", sh(heredoc("/usr/share/doc/x.txt", "dockerd -H tcp://0.0.0.0:2375"), heredoc("/etc/motd", "never run dockerd -H tcp://0.0.0.0:2375"), heredoc("/root/README.md", "#!/bin/sh\ndockerd -H tcp://0.0.0.0:2375")), False),
    ("a log", sh("echo 'dockerd -H tcp://0.0.0.0:2375' >> /var/log/setup.log"), False),
    ("a firewall", sh("iptables -A INPUT -p tcp --dport 2375 -j DROP", "nft add rule inet filter input tcp dport 2375 drop", "ufw deny 2375/tcp"), False),
    ("a firewall in a file", cloud_config(("/etc/nftables.conf", "#!/usr/sbin/nft -f\ntable inet f { chain i { tcp dport 2375 drop; } }")), False),
    ("a client's environment", sh("export DOCKER_HOST=tcp://10.0.0.5:2376 DOCKER_TLS_VERIFY=1", "docker ps"), False),
    ("a client's environment in a file", sh("echo 'export DOCKER_HOST=tcp://10.0.0.5:2376' > /etc/profile.d/docker.sh"), False),
    ("a client's flag", sh("docker -H tcp://build:2375 ps"), False),
    ("a client's flag, in long", sh("docker --host=tcp://build:2376 --tlsverify info"), False),
    ("a client's context", sh("docker context create b --docker host=tcp://10.0.0.5:2376"), False),
    ("a check", sh("curl -sf http://localhost:2375/_ping && exit 1", "nc -z localhost 2375"), False),
    ("a check of what listens", sh("if ss -ltn | grep -q ':2375'; then echo 'dockerd -H tcp://0.0.0.0:2375 is running'; exit 1; fi"), False),
    ("grep", sh("grep -q -- '-H tcp://' /lib/systemd/system/docker.service && exit 1"), False),
    ("asked about", sh("which dockerd", "pgrep -f 'dockerd -H tcp://0.0.0.0:2375'", "pkill dockerd", "man dockerd"), False),
    ("its version", sh("dockerd --version", "dockerd -H tcp://0.0.0.0:2375 --version"), True),
    ("its configuration checked", sh(heredoc("/tmp/d.json", daemon_json(hosts=[ANY])), "dockerd --validate --config-file /tmp/d.json"), True),
    ("a Unix socket", sh("dockerd -H unix:///var/run/docker.sock"), True),
    ("the service's socket", cloud_config((DROP_IN, EXEC % "-H fd:// --containerd=/run/containerd/containerd.sock")), True),
    ("daemon.json without listeners", cloud_config((JSON, daemon_json(**{"log-driver": "json-file", "live-restore": True}))), True),
    ("daemon.json with a registry", cloud_config((JSON, daemon_json(**{"insecure-registries": ["10.0.0.5:2375"], "registry-mirrors": ["http://10.0.0.5:2375"]}))), True),
    ("sed that removes", sh("echo 'DOCKER_OPTS=\"-H tcp://0.0.0.0:2375\"' > /etc/default/docker", "sed -i '/tcp:/d' /etc/default/docker", "systemctl restart docker"), True),
    ("sed that removes a flag", sh("sed -i 's|-H tcp://0.0.0.0:2375||' /lib/systemd/system/docker.service"), True),
    ("written open, then safe, then started", sh(heredoc(JSON, daemon_json(hosts=[ANY])), heredoc(JSON, "{}"), "systemctl restart docker"), True),
    ("removed again", sh(heredoc(JSON, daemon_json(hosts=[ANY])), "rm -f /etc/docker/daemon.json", "systemctl restart docker"), True),
    ("an example beside it", cloud_config(("/etc/docker/daemon.json.example", daemon_json(hosts=[ANY]))), False),
    ("socat elsewhere", sh("socat TCP-LISTEN:2375,fork TCP:10.0.0.9:80"), False),
    ("socat from the socket's side", sh("socat UNIX-LISTEN:/tmp/docker.sock,fork TCP:10.0.0.9:2375"), False),
    ("nginx on 2375", cloud_config(("/etc/nginx/conf.d/a.conf", "server { listen 2375; root /var/www; }")), False),
    ("a container on 2375", sh("docker run -d -p 2375:80 nginx"), True),
    ("a container with the socket", sh("docker run -d -v /var/run/docker.sock:/var/run/docker.sock -p 9443:9443 portainer/portainer-ce"), True),
    ("docker in docker, not published", sh("docker run -d --privileged --name d docker:dind"), True),
    ("a container by UDP", sh("docker run -d -p 2375:2375/udp -v /var/run/docker.sock:/var/run/docker.sock x/socket-proxy"), True),
    ("an image build", sh("docker build -t x .", "docker push x"), True),
    ("the installer", sh("curl -fsSL https://get.docker.com | sh"), True),
    ("the installer, kept", sh("curl -fsSL https://get.docker.com -o get-docker.sh", "sh get-docker.sh"), True),
    ("packages", "#cloud-config\npackages:\n- docker.io\n- [docker-ce, 5.0]\n", True),
    ("client packages", "#cloud-config\npackages: [docker-ce-cli, docker-compose-plugin, python3-docker]\n", False),
    ("a web server", sh("apt-get update && apt-get install -y nginx", "systemctl enable --now nginx"), False),
    ("ECS", sh("echo ECS_CLUSTER=main >> /etc/ecs/ecs.config"), True),
    ("EKS", sh("/etc/eks/bootstrap.sh main --kubelet-extra-args '--max-pods=20'"), False),
    ("Bottlerocket", '[settings.kubernetes]\ncluster-name = "main"\n', False),
    ("Windows", "<powershell>\n# dockerd -H tcp://0.0.0.0:2375\nWrite-Host 'dockerd -H tcp://0.0.0.0:2375'\n</powershell>", False),
    ("a function that nothing calls", sh("unsafe() { dockerd -H tcp://0.0.0.0:2375; }", "echo done"), False),
    ("after exit", sh("echo hello", "exit 0", "dockerd -H tcp://0.0.0.0:2375"), False),
    ("a here-document to nowhere", sh(": <<'EOF'", "dockerd -H tcp://0.0.0.0:2375", "EOF", "cat <<EOF", "dockerd -H tcp://0.0.0.0:2375", "EOF"), False),
    ("a variable that nothing uses", sh('OLD="dockerd -H tcp://0.0.0.0:2375"'), False),
    ("a curl header", sh("curl -H 'Host: 0.0.0.0:2375' http://169.254.169.254/latest/"), False),
]  # fmt: skip


@pytest.mark.parametrize(("data", "runs"), [pytest.param(*row[1:], id=row[0]) for row in HARMLESS])
def test_a_harmless_neighbour_passes(data: str, runs: bool) -> None:
    judged = judge(data)
    assert judged.listeners == ()
    assert judged.unread == ()
    assert judged.private_keys == ()
    assert judged.runs_docker == runs
