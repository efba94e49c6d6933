#!/usr/bin/env bash
# Proves that /openapi.json is true to the service: Schemathesis asks what the description allows and forbids, jobs
# included, and finds nothing. Needs Python 3.10 or newer and a package index.
#
#   infra/openapi_test.sh [LLMX]          LLMX: the program (default: built here)
#   SCHEMATHESIS_VENV=DIR                 a virtual environment to use or to make (default: in the temporary folder)
set -euo pipefail
. "$(dirname "$0")/program.sh" "${1:-}"
work=$(mktemp -d)
pid=
trap 'kill "$pid" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
venv=${SCHEMATHESIS_VENV:-$work/venv}
if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "schemathesis==4.32.5"
fi
mkdir "$work/project"
for folder in config data prompts evals; do cp -r "$root/$folder" "$work/project/"; done
(cd "$work/project" && exec "$llmx" serve --listen 127.0.0.1:0) >"$work/serve.out" 2>&1 &
pid=$!
for _ in $(seq 300); do if grep -q 'listening on' "$work/serve.out"; then break; fi; sleep 0.1; done
url=$(sed -n 's/.*listening on //p' "$work/serve.out")
# Schemathesis has no words of its own for JSON lines: a value is a line.
cat >"$work/lines.py" <<'PYTHON'
import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(ctx, value):
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"
PYTHON
cd "$work"
SCHEMATHESIS_HOOKS=lines PYTHONPATH=$work "$venv/bin/schemathesis" run "$url/openapi.json" --max-examples 60 --workers 2 --seed 7
