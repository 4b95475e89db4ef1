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

# profile_value NAME: what the command line remembers of the server of `make run`: its `url`, its `key`.
profile_value() { sed -n "s/^$1 = \"\(.*\)\"$/\1/p" "$RUN_DIR/profile.toml" 2>/dev/null || true; }

# --- asking a server ----------------------------------------------------------------------------
# These run the command line $STEWARD, which is for those who source this to name.

# find_server: the server that STEWARD_URL and STEWARD_KEY name, else the one of `make run`; both are exported.
find_server() {
  [[ -x $STEWARD ]] || die "$STEWARD is not there" "Build it first:  make build"
  if [[ -z ${STEWARD_URL:-} || -z ${STEWARD_KEY:-} ]]; then
    server_pid >/dev/null || die "no server runs here" "Start one:  make run" \
      "Or name another:  export STEWARD_URL=http://127.0.0.1:7300 STEWARD_KEY=stw_…"
    STEWARD_URL=$(profile_value url)
    STEWARD_KEY=$(profile_value key)
  fi
  export STEWARD_URL STEWARD_KEY
  "$STEWARD" function list --json >/dev/null ||
    die "the server at $STEWARD_URL cannot be used" "It is named by STEWARD_URL, and its key by STEWARD_KEY."
  ok "server: $STEWARD_URL"
}

# pick FIELD…: a value of the JSON on standard input.
pick() { python3 -c 'import functools, json, sys; print(functools.reduce(lambda v, k: v[k], sys.argv[1:], json.load(sys.stdin)))' "$@"; }

# publish FOLDER COMPONENT: publishes what `make build` has built, unless this version is there already.
publish() {
  local name version code=0 answer published built
  name=$(sed -n 's/^name = "\(.*\)"$/\1/p;T;q' "$1/steward.toml")
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p;T;q' "$1/steward.toml")
  [[ -f $2 ]] || die "$2 is not there" "Build it first:  make build"
  answer=$("$STEWARD" plugin publish "$1" --component "$2" 2>&1) || code=$?
  case $code in
    0) ok "plugin $name: published version $version" ;;
    5)
      published=$("$STEWARD" plugin show "$name@$version" --json | pick digest)
      built=$(sha256sum "$2")
      if [[ $published == "sha256:${built%% *}" ]]; then
        ok "plugin $name: version $version is published already"
      else
        ok "plugin $name: version $version was published from other code and stays; to publish this one, raise the version in $1/steward.toml"
      fi
      ;;
    *)
      printf '%s\n' "$answer" >&2
      die "plugin $name could not be published"
      ;;
  esac
}

# deployed FUNCTION: whether it is.
deployed() { "$STEWARD" function show "$1" --json >/dev/null 2>&1; }

# deploy NAME OPTION…: the plugin of this name as a function of this name, once, so that a change made by hand stays.
deploy() {
  if deployed "$1"; then
    ok "function $1: deployed already"
  else
    "$STEWARD" function deploy "$1" --plugin "$1" "${@:2}" >/dev/null
    ok "function $1: deployed"
  fi
}

# push_minilm: registers the model that `make setup` has installed.
push_minilm() {
  local dir="$STEWARD_HOME/models/minilm"
  if "$STEWARD" model show minilm@1.0.0 --json >/dev/null 2>&1; then
    ok "model minilm: registered already"
  else
    "$STEWARD" model push minilm --version 1.0.0 \
      --onnx "$dir/model.onnx" --tokenizer "$dir/tokenizer.json" --config "$dir/model.toml" >/dev/null
    ok "model minilm: registered as version 1.0.0"
  fi
}
