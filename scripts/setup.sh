#!/usr/bin/env bash
# Installs what building (`setup.sh build`) and testing (`setup.sh test`) need, and only what is missing.
# From package registries alone: Debian, crates.io, npm; the wasm32 target by rustup.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '==> %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else
    echo "These Debian packages are missing: $missing. Install them as root and start again." >&2
    exit 1
  fi
}

# Whether there is a program of that name, or a file like that pattern. Users' PATH leaves out where servers are.
is_there() {
  case $1 in
    /*) compgen -G "$1" >/dev/null ;;
    *) PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null ;;
  esac
}

# Arguments: pairs program=package. Leaves what it installed in `missing`.
debian() {
  missing=""
  for pair in "$@"; do
    is_there "${pair%%=*}" || missing="$missing ${pair#*=}"
  done
  [ -n "$missing" ] || return 0
  say "Installing Debian packages:$missing"
  as_root apt-get update -qq
  # shellcheck disable=SC2086 # one word a package
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# As `debian`, for pairs program=package whose packages would start a service at once and at every boot, and make
# a database cluster: tests start servers of their own. Everything is as before afterwards.
debian_servers() {
  for pair in "$@"; do
    is_there "${pair%%=*}" || { debian_quietly "$@"; return; }
  done
}

policy=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/drawbridge-tests.conf

debian_quietly() {
  missing="among: ${*#*=}"
  if [ -e "$policy" ]; then as_root mv "$policy" "$policy.before"; fi
  trap undo_quiet EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
  as_root mkdir -p "${no_cluster%/*}"
  echo "create_main_cluster = false" | as_root tee "$no_cluster" >/dev/null
  debian "$@"
  undo_quiet
  trap - EXIT
  for package in $missing; do
    # Debian's units are named like their packages.
    if command -v systemctl >/dev/null && ! as_root systemctl disable --quiet "$package"; then
      say "$package may start at the next boot: systemctl disable $package prevents that"
    fi
  done
}

undo_quiet() {
  as_root rm -f "$policy" "$no_cluster"
  if [ -e "$policy.before" ]; then as_root mv "$policy.before" "$policy"; fi
}

for program in cargo rustup node npm; do
  command -v "$program" >/dev/null || { echo "$program is needed: install Rust with rustup, and Node.js." >&2; exit 1; }
done

debian cc=build-essential

if ! rustup target list --installed | grep -qx wasm32-unknown-unknown; then
  say "Adding the wasm32 target"
  rustup target add wasm32-unknown-unknown
fi

# The tool and the crate speak a private format: their versions have to be equal.
version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)
bindgen=target/tools/bin/wasm-bindgen
if [ "$("$bindgen" --version 2>/dev/null || true)" != "wasm-bindgen $version" ]; then
  say "Building wasm-bindgen-cli $version (about two minutes)"
  cargo install wasm-bindgen-cli --version "$version" --root target/tools --target-dir target/tools/build --quiet --force
  rm -rf target/tools/build
fi

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  say "Installing npm packages"
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi

if [ "${1:-build}" = test ]; then
  debian chromium=chromium curl=curl openssl=openssl setpriv=util-linux redis-cli=redis-tools \
    "/usr/lib/*/faketime/libfaketimeMT.so.1=libfaketime"
  debian_servers "/usr/lib/postgresql/*/bin/postgres=postgresql" redis-server=redis-server nginx=nginx
fi
