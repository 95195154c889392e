# shellcheck shell=bash
# What every script here shares: where things are kept, and how long work shows that it is alive.
# Scripts print a result (a folder) on stdout and everything meant for people on stderr.

# shellcheck disable=SC2034 # for the scripts that source this
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/leeward"

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

# The key of a Go module's build: a changed requirement, checksum or source of our own is another folder.
module_hash() { find "$1" -maxdepth 1 \( -name go.mod -o -name go.sum -o -name '*.go' \) | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-12; }

elapsed() { printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); }

# go_build TITLE OUT PACKAGE [FLAG...] : `go build` of one package with a line of progress every 15 seconds.
# Go itself is silent for minutes; -v names each package as it is compiled, and those are counted.
go_build() {
  local title=$1 out=$2 package=$3 log total start now
  shift 3
  command -v go >/dev/null || die "$title has to be built, and Go is not installed: install Go 1.26 or later from https://go.dev/dl/"
  log=$(mktemp)
  say "$title: counting packages"
  total=$(go list -deps "$package" 2>>"$log" | wc -l) || { tail -n 20 "$log" >&2; die "$title: its packages could not be listed"; }
  start=$SECONDS
  go build -v "$@" -o "$out" "$package" 2>>"$log" &
  local build=$! tick=0
  # shellcheck disable=SC2064 # the id of this build, not of a later one
  trap "kill $build 2>/dev/null || true" INT TERM
  while kill -0 "$build" 2>/dev/null; do
    sleep 1
    tick=$((tick + 1))
    if ((tick % 15 == 0)); then
      now=$((SECONDS - start))
      say "$title: $(elapsed $now), $(grep -vc '^go: ' "$log" || true) of at most $total packages compiled"
    fi
  done
  if ! wait "$build"; then
    grep -v '^[a-z0-9./_-]*$' "$log" | tail -n 20 >&2
    die "$title: go build failed (log above)"
  fi
  trap - INT TERM
  rm -f "$log"
  say "$title: built in $(elapsed $((SECONDS - start)))"
}

# cargo_install TITLE ROOT CRATE [FLAG...] : `cargo install` of one crate into ROOT, with its own lock file.
# Cargo shows its bar only on a terminal; elsewhere a line every 15 seconds counts what it has compiled.
cargo_install() {
  local title=$1 root=$2 log start
  shift 2
  command -v cargo >/dev/null || die "$title has to be built, and Rust is not installed: see https://rustup.rs"
  log=$(mktemp)
  start=$SECONDS
  say "$title: building"
  # A folder of its own, whatever CARGO_TARGET_DIR says, so that an interrupted build goes on and nothing is left after it.
  CARGO_TARGET_DIR="$root/target" cargo install --locked --root "$root" "$@" 2>"$log" &
  local build=$! tick=0
  # shellcheck disable=SC2064 # the id of this build, not of a later one
  trap "kill $build 2>/dev/null || true" INT TERM
  while kill -0 "$build" 2>/dev/null; do
    sleep 1
    tick=$((tick + 1))
    if ((tick % 15 == 0)); then
      say "$title: $(elapsed $((SECONDS - start))), $(grep -c '^ *Compiling ' "$log" || true) crates compiled"
    fi
  done
  if ! wait "$build"; then
    tail -n 20 "$log" >&2
    die "$title: cargo install failed (log above)"
  fi
  trap - INT TERM
  rm -f "$log"
  say "$title: built in $(elapsed $((SECONDS - start)))"
}

# only_one FOLDER : two runs at the same time must not build the same thing twice.
only_one() {
  mkdir -p "$(dirname "$1")"
  exec 9>"$1.lock"
  if ! flock -n 9; then
    say "another run is preparing $1, waiting for it"
    flock 9
  fi
}

# cached_command NAME VERSION PACKAGE [FLAG...] : one command of the Go module in the current folder, built once.
# Prints the folder that holds it.
cached_command() {
  local name=$1 version=$2 package=$3 folder
  shift 3
  folder="$CACHE/$name/$version-$(module_hash .)"
  if [[ ! -x $folder/$name ]]; then
    only_one "$folder"
    if [[ ! -x $folder/$name ]]; then
      mkdir -p "$folder"
      go_build "$name $version" "$folder/.$name" "$package" "$@"
      mv "$folder/.$name" "$folder/$name"
    fi
  fi
  printf '%s\n' "$folder"
}

# python_environment NAME FOLDER [FLAG...] : an environment with what requirements.txt of the current folder names, once.
# Flags are pip's. What else has to be made in FOLDER is the caller's, who holds its lock from here on.
python_environment() {
  local name=$1 folder=$2
  shift 2
  command -v python3 >/dev/null || die "$name needs python3 and python3-venv: run hack/tools"
  say "$name: downloading"
  rm -rf "$folder"
  python3 -m venv "$folder" >&2
  if ! "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" -r requirements.txt >&2; then
    rm -rf "$folder"
    die "$name could not be installed from PyPI"
  fi
}
