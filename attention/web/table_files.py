"""The table of accuracy and cost as files to download: the rows that a visitor sees, all columns. No gradio here."""

import json
import re
from dataclasses import asdict

import pandas as pd

from attention.study import lookup
from attention.study.lookup import Machine

KINDS = {"csv": "text/csv", "json": "application/json"}
MACHINE = ("device", "device_type", "threads", "dtype")


def rows(dataset_name: str, machine: Machine | None, batch_size: int, busy: bool, names: list[str]) -> pd.DataFrame:
    """The summary's rows of `names`, in their order; unknown names are left out. Every row gives the machine and the
    batch size: a row without latency was not measured there."""
    table = lookup.summary(dataset_name, "cpu", machine, batch_size, busy)
    if table.empty:
        return table
    table = table.set_index("variant", drop=False)
    table = table.loc[[name for name in dict.fromkeys(names) if name in table.index]]
    if machine:
        table = table.assign(**asdict(machine), batch_size=batch_size)
    return table.reset_index(drop=True)


def file_name(dataset_name: str, machine: Machine | None, batch_size: int, kind: str) -> str:
    """attention-lab-<data set>-<machine>-batch-<n>.<kind>, in lower-case letters, digits and hyphens."""
    parts = ["attention-lab", dataset_name]
    if machine:
        threads = f"{machine.threads}-threads" if machine.threads else ""
        parts += [machine.device, threads, machine.dtype, f"batch-{batch_size}"]
    return re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-") + f".{kind}"


def file(
    kind: str, dataset_name: str, machine: Machine | None, batch_size: int, busy: bool, names: list[str]
) -> dict[str, str]:
    """The CSV or JSON file as {"name", "type", "text"}."""
    table = rows(dataset_name, machine, batch_size, busy, names)
    text = table.to_csv(index=False, lineterminator="\n") if kind == "csv" else _json(table, machine, batch_size, busy)
    return {"name": file_name(dataset_name, machine, batch_size, kind), "type": KINDS[kind], "text": text}


def _json(table: pd.DataFrame, machine: Machine | None, batch_size: int, busy: bool) -> str:
    records = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in table.to_dict("records")]
    head = {
        "machine": asdict(machine) if machine else None,
        "batch_size": batch_size,
        "busy_measurements_included": busy,
        "sources": {
            "data/results/accuracy.csv": "python -m attention results",
            "data/results/latency.csv": "python -m attention benchmark",
        },
    }
    return json.dumps(head | {"rows": records}, indent=1, ensure_ascii=False)
