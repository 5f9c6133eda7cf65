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

# Arguments: pairs program=package.
debian() {
  missing=""
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing="$missing ${pair#*=}"
  done
  [ -n "$missing" ] || return 0
  say "Installing Debian packages:$missing"
  as_root apt-get update -qq
  # shellcheck disable=SC2086 # one word a package
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
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
  debian chromium=chromium
fi
