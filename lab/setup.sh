#!/usr/bin/env bash
# Set-up: everything that `make demo` and `make test` need, made once; nothing to do takes about a second.
#
#   .venv        the Python environment, from requirements-dev.txt
#   apt          the tools that boot and probe a host (needs root: sudo is asked for once)
#   Pulumi CLI   the one on PATH, the official release, or built from Go modules: lab/engine/toolchain.py decides
#   host image   the root file system that hosts boot from: lab/hosts/image.py makes it (needs root)
#
# `lab/setup.sh tests` makes what only tests need, too: the language host of programs in YAML, a TypeScript compiler, Docker's
# buildx and compose, the image of the older system, a clock that can be set and a browser.
#
# Interrupting is safe: a step counts as done only by what it leaves finished. What can't be had is named at the end,
# with what to do; the exit status is then 1 when CI=true, and 0 otherwise: the tests and the demo name what they leave
# out for it.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin # where Debian keeps debootstrap and nft, and users' PATH does not look

commands=(pulumi)
systems=("${LAB_SYSTEM:-debian-13}")
if [[ ${1:-} == tests ]]; then
  commands+=(pulumi-language-yaml)
  systems+=(debian-12)
fi

missing=()
lacks() { missing+=("$1"); }
say() { printf '== %s\n' "$*"; }

# --- Python environment -----------------------------------------------------------------------------------------

find_python() {
  local python
  for python in python3 python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$python"
      return
    fi
  done
  return 1
}

python_environment() {
  local wanted python pip
  # The folder counts too: a moved environment's scripts point to where it was.
  wanted=$({ cat requirements.txt requirements-dev.txt pyproject.toml; pwd; } | sha256sum)
  if [[ -x .venv/bin/python && $(cat .venv/.made-from 2>/dev/null) == "$wanted" ]]; then
    return
  fi
  if ! python=$(find_python); then
    echo "setup: Python 3.11 or newer is needed and is not on PATH; install it (Debian 12: apt-get install python3-venv)" >&2
    exit 1
  fi
  say "Python environment: .venv from requirements-dev.txt with $python"
  rm -f .venv/.made-from
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    as_root_install python3-venv
  fi
  if ! .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    "$python" -m venv --clear .venv
  fi
  # uv takes seconds where pip takes half a minute, but does not read pip's settings: whoever has an index of their
  # own there gets what that index serves. Nobody imports most of what comes: what is imported is compiled then.
  pip=(.venv/bin/python -m pip --quiet --disable-pip-version-check)
  if [[ $("${pip[@]}" config list) == *index* ]]; then
    "${pip[@]}" install --no-compile --requirement requirements-dev.txt
  else
    "${pip[@]}" install --no-compile "$(grep '^uv==' requirements-dev.txt)"
    .venv/bin/uv pip install --quiet --python .venv/bin/python --requirement requirements-dev.txt
  fi
  # Compiled here once, or each of the tests' workers would do it, all at the same time.
  .venv/bin/python -m pytest --collect-only --quiet tests >/dev/null &
  .venv/bin/python -c 'from lab.engine import warm; warm.load()'
  wait
  printf '%s\n' "$wanted" >.venv/.made-from
}

# --- Root, asked for once ---------------------------------------------------------------------------------------

root=unasked
# As root, or by sudo after saying what for; fails where there is neither.
as_root() {
  if [[ $root == unasked ]]; then
    if [[ $EUID -eq 0 ]]; then
      root=yes
    elif command -v sudo >/dev/null; then
      say "sudo is asked for, once: to install Debian packages and to make the image that test hosts boot from"
      if sudo -v; then root=sudo; else root=no; fi
    else
      root=no
    fi
  fi
  case $root in
    yes) "$@" ;;
    sudo) sudo --preserve-env=PATH,CI,PIP_FIND_LINKS,GOPROXY,http_proxy,https_proxy env "PATH=$PATH" "$@" ;;
    no) return 77 ;;
  esac
}

# --- Debian packages --------------------------------------------------------------------------------------------

as_root_install() {
  say "Debian packages: $*"
  as_root env DEBIAN_FRONTEND=noninteractive sh -c '
    apt-get install --yes --quiet=2 --no-install-recommends "$@" >/dev/null 2>&1 ||
      { dpkg --configure -a && apt-get update --quiet=2 && apt-get install --yes --quiet=2 --no-install-recommends "$@" >/dev/null; }' sh "$@"
}

packages() {
  local needed
  read -ra needed < <(.venv/bin/python -c 'from lab.hosts.image import missing_tools; print(*missing_tools())')
  command -v shellcheck >/dev/null || needed+=(shellcheck)
  command -v faketime >/dev/null || needed+=(faketime)
  if [[ ${1:-} == tests ]]; then
    command -v chromium >/dev/null || command -v google-chrome >/dev/null || needed+=(chromium)
  fi
  if [[ ${#needed[@]} -eq 0 ]]; then
    return
  fi
  if [[ $(uname -s) != Linux ]] || ! command -v apt-get >/dev/null; then
    lacks "the tools of the Debian packages ${needed[*]} (no apt-get here): install what gives the same commands; without them no host is booted"
  elif ! as_root_install "${needed[@]}"; then
    lacks "the Debian packages ${needed[*]} (no root, or apt failed): install them; without them no host is booted"
  fi
}

# --- Pulumi CLI and host image ----------------------------------------------------------------------------------

toolchain() {
  if ! .venv/bin/python -m lab.engine.toolchain "${commands[@]}"; then
    lacks "${commands[*]} (the message above says what to do): without it no program runs on the engine"
  fi
}

typescript() {
  if ! .venv/bin/python -m lab.engine.typescript; then
    lacks "a TypeScript compiler with Pulumi's SDK, or dockerode (the message above says what to do): without it the generated SDK is not compiled, and that client not tried"
  fi
}

go_tools() {
  if ! .venv/bin/python -m lab.gotools; then
    lacks "actionlint, or Docker's buildx or compose (the message above says what to do): without them workflows and clients are not checked"
  fi
}

image() {
  # Asking for root to find nothing to do would be a nuisance: an image is known by what makes it.
  local system wanted made
  wanted=$(sha256sum <lab/hosts/image.py)
  for system in "${systems[@]}"; do
    made=.venv/.image-$system-made-from
    if [[ $EUID -ne 0 && $(cat "$made" 2>/dev/null) == "$wanted" ]]; then
      continue
    fi
    if [[ $(uname -s) != Linux ]]; then
      lacks "the image of $system: hosts boot on Linux only"
    elif ! command -v debootstrap >/dev/null; then
      lacks "the image of $system: it needs debootstrap"
    elif as_root .venv/bin/python -B -m lab.hosts.image "$system"; then
      printf '%s\n' "$wanted" >"$made"
    else
      lacks "the image of $system (no root, or the message above says why): without it no such host is booted"
    fi
  done
}

python_environment
packages "$@"
toolchain
if [[ ${1:-} == tests ]]; then
  typescript
  go_tools
fi
image

if [[ ${#missing[@]} -gt 0 ]]; then
  printf 'setup: missing: %s\n' "${missing[@]}" >&2
  if [[ ${CI:-} == true ]]; then
    exit 1
  fi
fi
