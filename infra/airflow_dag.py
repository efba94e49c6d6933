"""Airflow DAGs around ``llmx``: judge records in shards, watch the model every day, gate what is pinned on demand.

No code of ours runs in the scheduler: each task is a process, and its exit code says what helps.

====  ===========================================  ==========================================
code  ``llmx`` says                                here
====  ===========================================  ==========================================
0     done                                         success
1     quality: the gate, the canary, dead letters  fails at once; retrying helps nothing
2     something must be mended first               fails at once
3     a provider could not answer                  fails and is retried, with growing pauses
< 0   nothing: it was killed, as by want of memory  the same
====  ===========================================  ==========================================

Where things are (environment of the workers):

* ``LLMX``: the program, default ``llmx``
* ``LLMX_PROJECT``: the project folder with config/, prompts/ and data/

Tested with Airflow 3; see infra/airflow_test.sh.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import Param, dag, task

try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # before 3.2
    from airflow.exceptions import AirflowException, AirflowFailException

RETRIES = {
    "retries": 5,
    "retry_delay": timedelta(seconds=int(os.environ.get("LLMX_RETRY_SECONDS", "60"))),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=30),
}


def llmx(*arguments: str, good: tuple[int, ...] = (0,)) -> int:
    """Run ``llmx`` in the project; its words go to the task's log."""
    command = [os.environ.get("LLMX", "llmx"), *arguments]
    print("$", " ".join(command), flush=True)
    code = subprocess.run(command, cwd=os.environ["LLMX_PROJECT"], check=False).returncode
    if code in good:
        return code
    if code == 3:
        raise AirflowException("a provider could not answer: this is retried")
    if code < 0 or code > 128:
        raise AirflowException(f"llmx was killed ({code}): this is retried, and goes on where it was")
    raise AirflowFailException(f"llmx ended with {code}: retrying helps nothing")


def folder(params: dict, run_id: str) -> str:
    """Of the outputs of one run: its tries go on in it, and other runs, maybe of other records, have their own."""
    return f"{params['out_dir']}/{re.sub('[^A-Za-z0-9_.-]', '-', run_id)}"


@dag(
    dag_id="rf_qaqc_records",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args=RETRIES,
    params={
        "records": Param("records.jsonl", type="string", description="inputs, JSONL or CSV"),
        "out_dir": Param("out", type="string", description="folder of all runs, each with its outputs and manifests"),
        "shards": Param(3, type="integer", minimum=1, maximum=1000),
        "gate": Param(False, type="boolean", description="gate the pinned task before the records"),
        "dead_letters": Param(True, type="boolean", description="go on although some records are dead letters"),
    },
    doc_md=__doc__,
    tags=["llmx"],
)
def rf_qaqc_records():
    @task
    def gate(params: dict | None = None) -> None:
        """Every suite of the task, if asked for, on the pinned model and prompt that the shards run.

        A model that got worse judges no record. A candidate in config/prompt_graph.yml is not what runs here.
        """
        if params["gate"]:
            llmx("eval", "--production", "rf_qaqc")

    @task
    def plan(params: dict | None = None, run_id: str | None = None) -> list[str]:
        """One entry for each shard."""
        Path(os.environ["LLMX_PROJECT"], folder(params, run_id)).mkdir(parents=True, exist_ok=True)
        return [f"{index}/{params['shards']}" for index in range(1, params["shards"] + 1)]

    @task
    def judge(shard: str, params: dict | None = None, run_id: str | None = None) -> str:
        """One shard. Killed or throttled, the next try asks only for what has no output yet."""
        stem = f"{folder(params, run_id)}/{shard.replace('/', '-of-')}"
        manifest = f"{stem}.manifest.json"
        llmx(
            "task", "run", "rf_qaqc",
            "--in", params["records"],
            "--out", f"{stem}.jsonl",
            "--shard", shard,
            "--manifest", manifest,
            good=(0, 1) if params["dead_letters"] else (0,),
        )
        return manifest

    @task
    def merge(manifests: list[str], params: dict | None = None, run_id: str | None = None) -> dict:
        """All shards as one file; what does not make a whole is refused. The manifest is for downstream tasks."""
        out = f"{folder(params, run_id)}/verdicts.jsonl"
        whole = f"{folder(params, run_id)}/manifest.json"
        llmx(
            "task", "merge", "--out", out, "--manifest", whole, *manifests,
            good=(0, 1) if params["dead_letters"] else (0,),
        )
        return json.loads(Path(os.environ["LLMX_PROJECT"], whole).read_text())

    shards = plan()
    gate() >> shards
    merge(judge.expand(shard=shards))


@dag(
    dag_id="rf_qaqc_canary",
    schedule="17 5 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES,
    tags=["llmx"],
)
def rf_qaqc_canary():
    @task
    def look() -> None:
        """Has a model changed under us? An alarm fails the task, and the log says which of judge, provider and model."""
        llmx("canary", "run")

    @task
    def served() -> None:
        """Has what is served changed? Runs where the service writes its sample (reports/live)."""
        llmx("task", "watch", "rf_qaqc")

    look()
    served()


rf_qaqc_records()
rf_qaqc_canary()
