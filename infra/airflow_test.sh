#!/usr/bin/env bash
# Proves infra/airflow_dag.py on a real Airflow: `airflow dags test`, end to end, with a shard that fails once and one that
# is killed, which are retried, other records in a second run, and a gate that fails and is not retried. Needs Python 3.10 or newer and a package index; takes some minutes.
#
#   infra/airflow_test.sh [LLMX]      LLMX: the program (default: built here, release)
#   AIRFLOW_VENV=DIR                  a virtual environment to use or to make (default: in the temporary folder)
set -euo pipefail
. "$(dirname "$0")/program.sh" "${1:-}" --release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
venv=${AIRFLOW_VENV:-$work/venv}
if [ ! -x "$venv/bin/airflow" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "apache-airflow==3.3.2" apache-airflow-providers-standard
fi

export AIRFLOW_HOME=$work/airflow AIRFLOW__CORE__LOAD_EXAMPLES=false AIRFLOW__CORE__DAGS_FOLDER=$work/dags
export AIRFLOW__CORE__UNIT_TEST_MODE=false LLMX_RETRY_SECONDS=0
mkdir -p "$work/dags" "$work/project" "$AIRFLOW_HOME"
cp "$root/infra/airflow_dag.py" "$work/dags/"
for folder in config data prompts evals; do cp -r "$root/$folder" "$work/project/"; done
export LLMX_PROJECT=$work/project
"$venv/bin/airflow" db migrate >"$work/db.log" 2>&1 || { cat "$work/db.log"; exit 1; }
"$venv/bin/airflow" dags reserialize >"$work/parse.log" 2>&1 || true

# The records: the inputs of the gold set, and one that is none.
python3 - "$work/project" <<'PYTHON'
import json, sys
root = sys.argv[1]
with open(f"{root}/records.jsonl", "w") as out:
    for line in open(f"{root}/data/gold_set.jsonl"):
        out.write(json.dumps(json.loads(line)["input"]) + "\n")
    out.write('{"record_id": "X"}\n')
PYTHON

# A program that fails as asked, before it does as it should.
cat >"$work/llmx" <<SHELL
#!/usr/bin/env bash
echo "\$*" >>"$work/calls"
case "\$*" in
    *"--shard 2/3"*) if [ ! -e "$work/failed" ]; then touch "$work/failed"; exit 3; fi ;;
    *"--shard 3/3"*) if [ ! -e "$work/killed" ]; then touch "$work/killed"; kill -9 \$\$; fi ;;
    "eval --production rf_qaqc"*) if [ -e "$work/gate-fails" ]; then exit 1; fi ;;
esac
exec "$llmx" "\$@"
SHELL
chmod +x "$work/llmx"
export LLMX=$work/llmx

run() { "$venv/bin/airflow" dags test "$@"; }
calls() { grep -c -- "$1" "$work/calls" || true; }
expect() { if [ "$2" != "$3" ]; then echo "FAILED: $1: expected $3, found $2"; tail -n 60 "$work/log"; exit 1; fi; echo "ok: $1 ($2)"; }

echo "== all records, in three shards, one of which fails once and one of which is killed"
: >"$work/calls"
run rf_qaqc_records --conf '{"gate": true}' >"$work/log" 2>&1 || { tail -n 80 "$work/log"; exit 1; }
expect "shard 2/3 was tried twice" "$(calls '--shard 2/3')" 2
expect "shard 3/3 was tried twice" "$(calls '--shard 3/3')" 2
expect "shard 1/3 was tried once" "$(calls '--shard 1/3')" 1
first=$(echo "$work"/project/out/*)
expect "verdicts" "$(wc -l <"$first/verdicts.jsonl")" 200
expect "ids" "$(python3 -c 'import json,sys; print(len({json.loads(l)["id"] for l in open(sys.argv[1])}))' "$first/verdicts.jsonl")" 200
expect "dead letters" "$(wc -l <"$first/verdicts.jsonl.dead.jsonl")" 1
expect "manifest" "$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["counts"]["answered"])' "$first/manifest.json")" 200

echo "== other records, later"
head -n 7 "$work/project/records.jsonl" >"$work/project/later.jsonl"
run rf_qaqc_records --conf '{"records": "later.jsonl"}' >"$work/log" 2>&1 || { tail -n 80 "$work/log"; exit 1; }
second=$(for folder in "$work"/project/out/*; do [ "$folder" = "$first" ] || echo "$folder"; done)
expect "verdicts" "$(wc -l <"$second/verdicts.jsonl")" 7
expect "verdicts of before" "$(wc -l <"$first/verdicts.jsonl")" 200

echo "== a gate that fails"
: >"$work/calls"
touch "$work/gate-fails"
if run rf_qaqc_records --conf '{"gate": true, "out_dir": "never"}' >"$work/log" 2>&1 && ! grep -q "state=failed\|DagRunState.FAILED\|failed" "$work/log"; then
    echo "FAILED: the run went on"; tail -n 60 "$work/log"; exit 1
fi
expect "the gate was asked once" "$(calls 'eval --production rf_qaqc')" 1
expect "no record was judged" "$(calls 'task run')" 0

echo "== the canary"
: >"$work/calls"
run rf_qaqc_canary >"$work/log" 2>&1 || { tail -n 60 "$work/log"; exit 1; }
expect "the canary looked once" "$(calls 'canary run')" 1
echo "all of it holds on $("$venv/bin/airflow" version 2>/dev/null | tail -n 1)"
