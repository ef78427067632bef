# shellcheck shell=bash
# What the scripts share: where things are, how packages are installed, who runs PostgreSQL. Sourced, never run.

FOREBAY_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export FOREBAY_ROOT

say() { printf '%s\n' "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}

# as_root COMMAND...: as root directly, else through sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo -- "$@"
  else
    die "not root and no sudo: cannot run: $*"
  fi
}

# packages_of SECTION...: lines "package [command]" of the sections of packages.txt (a section is a line "# name").
packages_of() {
  awk -v wanted=" $* " '
    /^# (build|run|test|bench|style)( |$)/ { on = index(wanted, " " $2 " ") > 0; next }
    /^#/ || NF == 0 { next }
    on { print }' "$FOREBAY_ROOT/scripts/packages.txt"
}

# missing_packages SECTION...: names of packages that are not there. A line "package command" is content with the command.
missing_packages() {
  local package command
  while read -r package command; do
    if [ -n "$command" ]; then
      command -v "$command" >/dev/null 2>&1 || echo "$package"
    else
      [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    fi
  done < <(packages_of "$@")
}

# install_packages SECTION...: does nothing, and needs no rights, when everything is there. Debian would start PostgreSQL,
# pgbouncer (on our port) and Redis as services; a policy file keeps them down while we install.
install_packages() {
  local missing policy=/usr/sbin/policy-rc.d made_policy=no status=0
  command -v dpkg-query >/dev/null 2>&1 || die "this script installs Debian packages; see scripts/packages.txt"
  missing="$(missing_packages "$@" | tr '\n' ' ')"
  [ -n "${missing// /}" ] || return 0
  say "installing: $missing"
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    made_policy=yes
  fi
  # shellcheck disable=SC2086
  {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing
  } >&2 || status=$?
  [ "$made_policy" = no ] || as_root rm -f "$policy"
  [ "$status" -eq 0 ] || die "apt-get failed; needed: $missing"
}

# pg_bindir: the folder of PostgreSQL 15's programs (initdb and pg_ctl are not in PATH on Debian).
pg_bindir() {
  local dir
  for dir in "${FOREBAY_PG_BINDIR:-}" /usr/lib/postgresql/15/bin "$(pg_config --bindir 2>/dev/null)"; do
    if [ -n "$dir" ] && [ -x "$dir/initdb" ]; then
      echo "$dir"
      return 0
    fi
  done
  die "PostgreSQL's server programs were not found (package postgresql-15)"
}

# ordinary_user: PostgreSQL and pgbouncer refuse to run as root, so root borrows an existing account.
ordinary_user() {
  local name
  if [ "$(id -u)" -ne 0 ]; then
    id -un
    return 0
  fi
  for name in "${FOREBAY_RUN_AS:-}" postgres nobody; do
    if [ -n "$name" ] && id "$name" >/dev/null 2>&1; then
      echo "$name"
      return 0
    fi
  done
  die "no ordinary user to run PostgreSQL as"
}

# as_user COMMAND...: as the ordinary user; without change of user when that is who we are.
as_user() {
  local user
  if [ "$(id -u)" -ne 0 ]; then
    "$@"
  else
    user="$(ordinary_user)"
    setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- "$@"
  fi
}

# free_ports N: N ports on loopback nobody listens on, below the range the kernel gives to outgoing connections.
free_ports() {
  /usr/bin/python3 - "$1" <<'PY'
import random, socket, sys
held = []
while len(held) < int(sys.argv[1]):
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", random.randint(15000, 31999)))
    except OSError:
        s.close()
        continue
    held.append(s)
print(*(s.getsockname()[1] for s in held))
PY
}

# wait_until SECONDS COMMAND...: until the command succeeds, at most so long.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# build_in FOLDER [MESON OPTION]...: sets it up when needed and builds TARGETS (default: everything).
build_in() {
  local dir="$1"
  shift
  if [ ! -f "$dir/build.ninja" ]; then
    rm -rf "$dir"
    meson setup "$dir" "$FOREBAY_ROOT" "$@" >&2 || return 1
  fi
  # shellcheck disable=SC2086
  ninja -C "$dir" ${TARGETS:-} >&2
}
