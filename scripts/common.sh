# Shared by the scripts of this folder; sourced, never run.
# shellcheck shell=bash

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# Everything that Steward fetches or writes at run time lives here, outside version control.
STEWARD_HOME="${STEWARD_HOME:-$ROOT/.steward}"

# shellcheck disable=SC2034 # used by those who source this
if [[ -t 1 && -z "${NO_COLOR:-}" ]]; then
  GREEN=$'\e[32m' RED=$'\e[31m' DIM=$'\e[2m' BOLD=$'\e[1m' PLAIN=$'\e[0m'
else
  GREEN='' RED='' DIM='' BOLD='' PLAIN=''
fi

# A step that is done (or was done before), one that is running, one that failed.
ok() { printf '%s✓%s %s\n' "$GREEN" "$PLAIN" "$*"; }
doing() { printf '%s…%s %s\n' "$DIM" "$PLAIN" "$*"; }
# die WHAT [HOW TO GO ON]: says both and ends the script.
die() {
  printf '%s✗ %s%s\n' "$RED" "$1" "$PLAIN" >&2
  if [[ $# -gt 1 ]]; then printf '  %s\n' "${@:2}" >&2; fi
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# retry COMMAND…: three attempts, with a pause between them; for downloads only.
retry() {
  local attempt
  for attempt in 1 2 3; do
    "$@" && return 0
    if [[ $attempt -lt 3 ]]; then
      doing "attempt $attempt of 3 failed, trying again"
      sleep $((attempt * 3))
    fi
  done
  return 1
}

# --- the server of `make run` -------------------------------------------------------------------

RUN_DIR="$STEWARD_HOME/run"

# server_pid: prints the process id of the server that was started here, if it still runs.
server_pid() {
  local pid
  pid=$(cat "$RUN_DIR/steward.pid" 2>/dev/null) || return 1
  # The number may have gone to another process since: it must still be one called steward.
  [[ -n $pid && "$(cat "/proc/$pid/comm" 2>/dev/null)" == steward ]] || return 1
  printf '%s' "$pid"
}

# stop_server: ends it and waits until it has finished its calls; fails when none runs.
stop_server() {
  local pid waited=0
  pid=$(server_pid) || return 1
  kill "$pid"
  while [[ "$(server_pid)" == "$pid" ]]; do
    [[ $waited -lt 400 ]] || die "process $pid does not end" "It may still serve a long call. To end it at once:  kill -9 $pid"
    waited=$((waited + 1))
    sleep 0.1
  done
  rm -f "$RUN_DIR/steward.pid"
}
