#!/usr/bin/env bash
# Builds the image and runs it, on a Docker daemon of its own, where base images cannot be pulled: a stand-in for
# python:3.11-slim-bookworm is made of Debian packages. Needs root, and docker.io and mmdebstrap from apt.
# Checks: no torch, not root, read-only root, healthy, metrics served, clients answered, exit code 0 after SIGTERM; and
# the recorded table of requests and statuses (law 9), by the tests' own Python, with the tests' models mounted.
#   deploy/docker/check.sh [MODELS]      (a model repository to serve; default models)
#   PYTHON=/path/to/python deploy/docker/check.sh      (with the developer tools; default .venv/bin/python)
set -euo pipefail
cd "$(dirname "$0")/../.."
models=$(realpath "${1:-models}")
python=${PYTHON:-.venv/bin/python}
[[ $EUID == 0 ]] || { echo "needs root: dockerd and mmdebstrap do" >&2; exit 1; }
"$python" -c 'import pytest' || { echo "$python has no developer tools: make setup, or name another one with PYTHON" >&2; exit 1; }
for tool in dockerd mmdebstrap; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install docker.io mmdebstrap" >&2; exit 1; }
done

work=$(mktemp -d)
base=python:3.11-slim-bookworm
image=hiddenstate:check
name=hiddenstate-check-$$
export DOCKER_HOST=unix://$work/docker.sock
daemon=

finish() {
  status=$?
  docker rm --force "$name" >/dev/null 2>&1 || true
  if [[ -n $daemon ]]; then
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  umount --quiet "$work"/exec/netns/* 2>/dev/null || true
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

say() { printf '\n== %s\n' "$*"; }
fail() { echo "FAILED: $*" >&2; docker logs "$name" 2>&1 | tail -30 >&2 || true; exit 1; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

start_daemon() {
  echo '{"bridge":"none","iptables":false,"ip-forward":false,"ip-masq":false}' > "$work/daemon.json"
  dockerd --config-file "$work/daemon.json" --data-root "$work/data" --exec-root "$work/exec" \
    --pidfile "$work/pid" --host "$DOCKER_HOST" > "$work/dockerd.log" 2>&1 &
  daemon=$!
  for _ in $(seq 100); do
    docker info >/dev/null 2>&1 && return
    sleep 0.2
  done
  tail -20 "$work/dockerd.log" >&2
  echo "dockerd did not start" >&2
  exit 1
}

# A minimal Debian with Python, and this machine's certificates, so that pip reaches its registry as it does here.
import_base() {
  mmdebstrap --quiet --variant=minbase \
    --include=python3-minimal,python3-venv,python3-pip,ca-certificates \
    --customize-hook='rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED' \
    --customize-hook='ln -s python3 "$1/usr/bin/python"' \
    --customize-hook='upload /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt' \
    --customize-hook='printf "[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n" > "$1/etc/pip.conf"' \
    bookworm "$work/base.tar"
  docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    "$work/base.tar" "$base" >/dev/null
  rm "$work/base.tar"
}

# Serves a model repository at 127.0.0.1:$port, hardened as docker-compose.yml does it; returns once it is healthy.
run_container() {
  port=$(free_port); metrics=$(free_port)
  docker run --detach --name "$name" --health-interval 2s --network host --read-only --tmpfs /tmp:size=16m \
    --cap-drop ALL --security-opt no-new-privileges --pids-limit 256 --memory 2g --volume "$1:/models:ro" \
    --env HIDDENSTATE_LISTEN="127.0.0.1:$port" --env HIDDENSTATE_METRICS_LISTEN="127.0.0.1:$metrics" "$image" >/dev/null
  await_health
  echo "healthy"
}

stop_container() {
  docker stop --time 20 "$name" >/dev/null
  code=$(docker inspect --format '{{.State.ExitCode}}' "$name")
  [[ $code == 0 ]] || fail "exit code $code after SIGTERM"
  docker rm "$name" >/dev/null
  echo "exit code 0 after SIGTERM"
}

await_health() {
  for _ in $(seq 120); do
    case $(docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' "$name") in
      "running healthy") return ;;
      exited*) fail "the server ended" ;;
    esac
    sleep 0.5
  done
  fail "not healthy within a minute"
}

say "daemon"
start_daemon
say "stand-in for $base"
import_base
say "image"
DOCKER_BUILDKIT=0 docker build --quiet --network host --tag "$image" --file deploy/docker/Dockerfile . > "$work/build.log" 2>&1 ||
  { tail -30 "$work/build.log" >&2; exit 1; }
docker image inspect --format '{{.Size}}' "$image" | awk '{ printf "image %.0f MB, the base included\n", $1 / 1e6 }'
docker run --rm --entrypoint python "$image" -c '
import importlib.util, sys
found = [name for name in ("torch", "onnx", "pip", "training") if importlib.util.find_spec(name)]
sys.exit(f"in the image: {found}" if found else 0)' || fail "something is in the image that the server does not need"

say "container"
run_container "$models"
uid=$(docker exec "$name" python -c 'import os; print(os.getuid())')
[[ $uid == 65532 ]] || fail "runs as user $uid"
docker exec "$name" python -c 'open("/written", "w")' 2>/dev/null && fail "the root file system is writable"
python3 - "$metrics" <<'PY' || fail "no metrics"
import sys, urllib.request
text = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/metrics", timeout=5).read().decode()
names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE hiddenstate_")}
print(f"{len(names)} metrics of our own")
sys.exit(not names)
PY
docker exec "$name" hiddenstate models --address "127.0.0.1:$port" || fail "the client got no answer"
if [[ -d $models/austen ]]; then
  docker exec "$name" hiddenstate generate "It is a truth" --max-tokens 16 --address "127.0.0.1:$port" || fail "no text"
fi

stop_container

say "the recorded table"
run_container "$PWD/tests/data"
"$python" -m pytest tests/integration/server/test_reasons.py --address "127.0.0.1:$port" --quiet ||
  fail "the table does not hold"
stop_container
say "passed"
