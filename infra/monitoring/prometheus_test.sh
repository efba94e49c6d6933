#!/usr/bin/env bash
# Proves the monitoring on a real Prometheus: its configuration, its alert rules, and that it reads a running service.
# Needs `prometheus`, `promtool` and `curl` (Debian: apt-get install prometheus curl).
#
#   infra/monitoring/prometheus_test.sh [LLMX]      LLMX: the program (default: built here)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../program.sh" "${1:-}"
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

echo "== alert rules"
promtool check rules "$here/alerts.yml"
promtool test rules "$here/alerts_test.yml"

echo "== a service with a key"
mkdir "$work/project"
for folder in config data prompts evals; do cp -r "$root/$folder" "$work/project/"; done
key=$("$llmx" serve-key prometheus 2>"$work/key.txt")
{ echo 'keys:'; grep -- '- { name' "$work/key.txt"; } >"$work/keys.yml"
printf '%s' "$key" >"$work/key"
(cd "$work/project" && exec "$llmx" serve --listen 127.0.0.1:0 --keys "$work/keys.yml") >"$work/serve.out" 2>"$work/serve.err" &
pids+=($!)
# Whatever starts is waited for, half a minute at most.
await() {
    for _ in $(seq 300); do if "$@" >/dev/null 2>&1; then return 0; fi; sleep 0.1; done
    echo "FAILED: waited in vain for: $*"; cat "$work"/*.err "$work"/*.log 2>/dev/null | tail -n 40; exit 1
}
await grep -q 'listening on' "$work/serve.out"
url=$(sed -n 's/.*listening on //p' "$work/serve.out")
head -n 1 "$root/data/gold_set.jsonl" | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["input"]))' >"$work/in.json"
post() { curl --silent --output /dev/null --write-out '%{http_code}' -H "Authorization: Bearer $key" -H 'Content-Type: application/json' --data "$1" "$url/v1/tasks/rf_qaqc"; }
for _ in 1 2 3; do [ "$(post "@$work/in.json")" = 200 ]; done
[ "$(post '{}')" = 422 ]

echo "== Prometheus reads it"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cp "$here/alerts.yml" "$work/"
sed -e "s|/run/secrets/prometheus_key|$work/key|" -e "s|llmx:8080|${url#http://}|" -e 's|15s|1s|' "$here/prometheus.yml" >"$work/prometheus.yml"
promtool check config "$work/prometheus.yml"
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" --web.listen-address="127.0.0.1:$port" >"$work/prometheus.log" 2>&1 &
pids+=($!)
query() { curl --silent --fail --get --data-urlencode "query=$1" "http://127.0.0.1:$port/api/v1/query" | python3 -c 'import json, sys; found = json.load(sys.stdin)["data"]["result"]; print(found[0]["value"][1] if found else "none")'; }
is() { [ "$(query "$1")" = "$2" ]; }
await is 'up{job="llmx"}' 1
await is 'sum(llmx_requests_total{task="rf_qaqc",status="200"})' 3
await is 'sum(llmx_validation_failures_total{task="rf_qaqc",kind="input"})' 1
await is 'sum(llmx_request_seconds_count{task="rf_qaqc"})' 3
await is 'sum(llmx_in_flight)' 0
# Every metric that an alert reads is one that the service has, or will have when there is something to count.
for metric in $(grep -o 'llmx_[a-z_]*' "$here/alerts.yml" | sed 's/_bucket$//' | sort -u); do
    grep -rq "${metric#llmx_}" "$root/src/serve/metrics.rs" || grep -rq "$(echo "${metric#llmx_}" | sed 's/_total$//')" "$root/src/serve/metrics.rs" || { echo "FAILED: no metric $metric"; exit 1; }
done
printf 'wrong' >"$work/key"
await is 'up{job="llmx"}' 0
echo "ok: read with the key, refused without, every alert fires and rests as told"
