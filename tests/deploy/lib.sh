# shellcheck shell=bash
# Sourced by the deploy tests. They need root, debootstrap and the package mirror, and take minutes:
# so they are no part of `make test`. Where they can't run they say so and exit 77.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work="${BRIGADE_DEPLOY_WORK:-/var/tmp/brigade-deploy}"
readonly repository work
test_name=$(basename "$0")

say() { printf '%s: %s\n' "$test_name" "$*"; }
skip() {
  printf '%s: SKIPPED: %s\n' "$test_name" "$*"
  exit 77
}
fail() {
  printf '%s: FAILED: %s\n' "$test_name" "$*" >&2
  exit 1
}
needs() { # PROGRAM…
  [ "$(id -u)" -eq 0 ] || skip 'needs root'
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || skip "needs $program: run deploy/setup deploy"
  done
  mkdir -p "$work"
}

# The settings that reach this network's package mirrors: nothing else of this environment goes in.
network_environment() {
  printf '%s\n' PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb
  env | grep -E '^(PIP_CERT|PIP_INDEX_URL|PIP_DEFAULT_TIMEOUT|SSL_CERT_FILE|https?_proxy)=' || true
}

# base_tarball NAME [PACKAGES]: a debootstrapped Debian 12 with packages added, made once; prints its
# path. The certificates that this machine trusts are trusted in it.
base_tarball() {
  local tarball="$work/$1.tar" root
  if [ ! -e "$tarball" ]; then
    root=$(mktemp -d "$work/.base.XXXXXX")
    debootstrap --variant=minbase --include="ca-certificates${2:+,$2}" bookworm "$root" \
      >"$work/$1.log" 2>&1 ||
      skip "no Debian could be bootstrapped: is the mirror reachable? ($work/$1.log)"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    chmod 755 "$root"
    tar -C "$root" --numeric-owner -cf "$tarball.part" .
    mv "$tarball.part" "$tarball"
    rm -rf "$root"
  fi
  printf '%s\n' "$tarball"
}

# fresh_root NAME TARBALL: unpacks a root of its own, replacing an older one; prints its path.
fresh_root() {
  local root="$work/$1"
  rm -rf --one-file-system "$root"
  mkdir -p "$root"
  tar -C "$root" --numeric-owner -xf "$2"
  chmod 755 "$root"
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  printf '%s\n' "$root"
}

# inside ROOT COMMAND…: in a chroot with mounts and processes of its own, all gone when it ends.
inside() {
  local root="$1"
  shift
  local environment
  mapfile -t environment < <(network_environment)
  unshare --mount --pid --fork --kill-child -- bash -c '
    mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/tmp" &&
      exec chroot "$0" /usr/bin/env -i "$@"' "$root" "${environment[@]}" "HOME=/srv" "$@"
}

# What HEAD is, without anything that lies beside it.
fresh_clone() { # FOLDER
  git clone -q --no-hardlinks "$repository" "$1"
  git -C "$1" -c advice.detachedHead=false checkout -q "$(git -C "$repository" rev-parse HEAD)"
}
