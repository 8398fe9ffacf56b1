"""The Benchmarks tab without a browser: what its sentences claim, its front, its search, its files, its lines."""

import json
import re
from html import escape

import numpy as np
import pandas as pd
import pytest

from attention.models.variants import REFERENCE, VARIANTS
from attention.study import comparison, lookup
from attention.web import findings, matrix, table_files
from attention.web.charts import accuracy as charts
from attention.web.table import counted, notes_html, search_words, table_html
from attention.web.table import says as table_says
from attention.web.tabs.benchmarks import compute, costs, live
from attention.web.tabs.benchmarks import tab as benchmarks
from attention.web.texts import TEXTS, text, title

DATASETS = ("imagenette", "imagewoof")


@pytest.fixture(params=DATASETS)
def table(request) -> pd.DataFrame:
    return lookup.summary(request.param)


def made(**columns) -> pd.DataFrame:
    """A summary of the baseline and three others, three seeds each; `columns` replace."""
    names = [REFERENCE, "se-block", "cbam-block", "se-head"]
    base = {
        "dataset": "imagenette", "variant": names, "placement": [VARIANTS[n].placement for n in names], "seeds": 3,
        "accuracy": [0.90, 0.91, 0.89, 0.92], "low": 0.88, "high": 0.93, "p50_ms": [5.0, 6.0, 7.0, 9.0],
        "batch_size": 1, "device": "a processor", "verdict": ["reference"] + ["undecided"] * 3,
        "difference_points": [np.nan, 1.0, -1.0, 2.0], "difference_low_points": [np.nan, 0.2, -2.0, 1.0],
        "difference_high_points": [np.nan, 1.8, 0.1, 3.0], "detectable_points": [np.nan, 1.3, 1.4, 1.5],
    }  # fmt: skip
    return pd.DataFrame(base | columns)


# who may be ranked, and the front


@pytest.mark.parametrize(
    ("seeds", "ranked"),
    [
        ([3, 3, 1, 5], [True, True, False, True]),
        ([1, 1, 1], [True, True, True]),
        ([3, 1, 1], [False, True, True]),
        ([2, 2, 1], [True, True, False]),
        ([], []),
    ],
)
def test_a_single_run_is_never_ranked_with_means(seeds, ranked):
    assert comparison.comparable(seeds).tolist() == ranked


def test_the_front_is_what_no_other_beats():
    random = np.random.default_rng(0)
    for _ in range(50):
        accuracy, latency = random.integers(0, 5, 12), random.integers(0, 5, 12)  # with ties
        beaten = [
            any(
                accuracy[j] >= accuracy[i]
                and latency[j] <= latency[i]
                and (accuracy[j] > accuracy[i] or latency[j] < latency[i])
                for j in range(12)
            )
            for i in range(12)
        ]
        assert comparison.pareto_front(accuracy, latency).tolist() == [not b for b in beaten]


@pytest.mark.parametrize("lang", TEXTS)
def test_the_sentence_names_the_front_and_one_lucky_run_is_not_on_it(lang, table):
    rows = charts.front(table)
    members = rows[rows["on_front"]]
    assert 0 < len(members) <= len(rows) and rows["seeds"].min() >= min(3, table["seeds"].max())
    said = charts.chart_says(lang, table)
    for name in VARIANTS:
        assert (f"{title(lang, VARIANTS[name])}{'（' if lang == 'zh' else ' ('}" in said.split("  ")[0]) or (
            name not in set(members["variant"])
        )
    figure = charts.chart(lang, table)
    assert list(figure.data[-1].x)[:-1] == sorted(members["p50_ms"])
    lucky = made(seeds=[3, 3, 3, 1])
    on_front = charts.front(lucky).query("on_front")["variant"].tolist()
    assert on_front == [REFERENCE, "se-block"], "se-head is the best by one seed, and does not compete"
    assert title(lang, VARIANTS["se-head"]) not in charts._front_says(lang, lucky)[0]


def test_the_front_claims_no_gain_that_is_not_shown():
    assert text("en", "chart_no_gain") in charts.chart_says("en", made())
    gained = made(verdict=["reference", "gain", "undecided", "undecided"])
    assert text("en", "chart_no_gain") not in charts.chart_says("en", gained)


def test_a_chart_is_of_one_device(table):
    for machine in lookup.machines():
        of_machine = lookup.summary(table["dataset"].iloc[0], machine=machine).dropna(subset=["p50_ms"])
        assert set(of_machine["device"]) <= {machine.device} and set(of_machine["dtype"]) <= {machine.dtype}
        if len(of_machine):
            points = [t for t in charts.chart("en", of_machine).data if "markers" in (t.mode or "")]
            assert sorted(p.x[0] for p in points) == sorted(of_machine["p50_ms"])


# the sentences


def test_the_reading_is_never_stronger_than_the_verdicts():
    none = " ".join(findings.sentences("en", made()))
    assert "None of them is shown to change the accuracy" in none and "−2.00 to +3.00" in none and "1.3 points" in none
    some = " ".join(findings.sentences("en", made(verdict=["reference", "gain", "loss", "undecided"])))
    assert "Shown to gain: Squeeze-and-Excitation, in every block (+1.00 points, +0.20 to +1.80)" in some
    assert "Shown to lose: CBAM, in every block" in some and "For the others no effect is shown." in some
    assert "None of them" not in some
    open_ = findings.sentences("en", made(seeds=1, verdict=["reference"] + ["not judged yet"] * 3))
    assert "No model with attention is judged yet on Imagenette" in open_[0] and "luck of a training run" in open_[0]
    waiting = findings.sentences("en", made(verdict=["reference", "undecided", "undecided", "not judged yet"]))
    assert waiting[-1].startswith("1 more have fewer than 3 seeds")
    assert findings.sentences("en", made().iloc[1:]) == []


@pytest.mark.parametrize("lang", TEXTS)
def test_the_reading_counts_what_the_table_counts(lang, table):
    said = findings.sentences(lang, table, lookup.machines("cpu")[0], 1)
    judged = table[table["verdict"].isin(findings.JUDGED)]
    if len(judged):
        assert counted(lang, judged) in said[0] and f"{judged['difference_high_points'].max():+.2f}" in said[0]
    ratios = findings.with_attention(table)["p50_ms"] / table.set_index("variant")["p50_ms"][REFERENCE]
    assert f"{ratios.min():.2f}" in said[1] and f"{ratios.max():.2f}" in said[1]
    assert "nan" not in " ".join(said).lower()


@pytest.mark.parametrize("lang", TEXTS)
def test_the_best_is_the_best_of_those_that_may_be_ranked(lang):
    lucky = made(seeds=[3, 3, 3, 1])
    said = table_says(lang, lucky)
    assert title(lang, VARIANTS["se-block"]) in said and title(lang, VARIANTS["se-head"]) not in said
    assert text(lang, "verdict_undecided") in said


def test_the_matrix_says_the_range_of_each_placement_that_is_judged():
    said = matrix.says("en", made())
    assert "in blocks −1.00 to +1.00 points (2 undecided)" in said and "head +2.00 points (1 undecided)" in said
    assert matrix.says("en", made(verdict="not judged yet")) == "No cell is judged yet."


# three lines under every chart and table


def live_rows() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"variant": name, "device": "cpu", "threads": 2, "calls": 50, "p50_ms": ms, "p90_ms": ms, "iqr_ms": 0.1}
            for name, ms in ((REFERENCE, 5.0), ("se-block", 6.0), ("baseline-seed1", 10.0))
        ]
    )


@pytest.mark.parametrize("lang", TEXTS)
def test_every_chart_and_table_says_reads_and_names_source_and_command(lang):
    table, machine = lookup.summary(), lookup.machines()[0]
    parts = {
        "matrix": matrix.matrix_html(lang, table),
        "table": notes_html(lang, table),
        "chart": charts.chart_lines(lang, table),
        "costs": costs.render(lang, machine, False)[-1],
        "compute": compute.render(lang)[-1],
        "live": live.shown(lang, live_rows(), machine),
    }
    for name, html in parts.items():
        kinds = [len(re.findall(rf'<p class="{kind}">[^<]', html)) for kind in ("says", "read", "source")]
        assert min(kinds) >= 1, (name, kinds)
        where = re.findall(r'<p class="source">(.*?)</p>', html)
        assert any("data/results/" in line and "<code>python -m attention " in line for line in where), name
    assert "2.00" in parts["live"], "a second run of the baseline took twice its time"


# search


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("cbam", "cbam-block"),
        ("squeeze", "se-block"),
        ("压缩", "se-head"),
        ("残差块", "se-block"),
        ("self-attention", "mhsa-block"),
        ("stage 4", "self-attention-stage4"),
        ("基线", "baseline-wide"),
        ("pooling", "attention-pool-head"),
    ],
)
def test_a_row_is_found_by_name_mechanism_and_placement_in_both_languages(words, name):
    found = [variant for variant in VARIANTS if all(word in search_words(variant) for word in words.split())]
    assert name in found and len(found) < len(VARIANTS)


def test_what_a_row_is_found_by_stands_in_it_and_only_a_page_offers_files(table):
    html = table_html("zh", table, savable=True)
    for name in table["variant"]:
        assert f'data-search="{escape(search_words(name))}"' in html
    assert (html.count("data-save=") == 2) == (len(table) >= 9)
    assert "data-save" not in table_html("en", table), "a report has no server to ask"


# files


def test_the_files_hold_the_rows_asked_for_with_every_column():
    machine, names = lookup.machines("cpu")[0], ["se-block", "baseline", "nobody", "se-block"]
    summary = lookup.summary(machine=machine)
    found = table_files.file("csv", "imagenette", machine, 1, False, names)
    rows = pd.read_csv(pd.io.common.StringIO(found["text"]))
    assert rows["variant"].tolist() == ["se-block", "baseline"] and set(rows.columns) == set(summary.columns)
    for name in rows["variant"]:
        expected = summary[summary["variant"] == name].iloc[0]
        got = rows[rows["variant"] == name].iloc[0]
        assert got["accuracy"] == expected["accuracy"] and got["p50_ms"] == expected["p50_ms"]
        assert (got["device"], got["dtype"], got["batch_size"]) == (machine.device, machine.dtype, 1)
    as_json = table_files.file("json", "imagenette", machine, 8, True, names)
    content = json.loads(as_json["text"])
    assert content["machine"]["device"] == machine.device and content["batch_size"] == 8
    assert [row["variant"] for row in content["rows"]] == ["se-block", "baseline"] and "NaN" not in as_json["text"]
    assert all("python -m attention" in command for command in content["sources"].values())
    assert content["rows"][1]["difference_points"] is None and content["rows"][0]["seeds"] == 3


def test_a_row_that_was_not_measured_names_the_machine_and_has_no_time(monkeypatch):
    machine = lookup.Machine("another", "cpu", 4, "float32")
    rows = table_files.rows("imagenette", machine, 1, False, ["baseline"])
    assert rows["device"].tolist() == ["another"] and rows["p50_ms"].isna().all()
    assert table_files.rows("flowers", machine, 1, False, ["baseline"]).empty


def test_a_files_name_says_data_set_and_machine():
    machine = lookup.Machine("AMD EPYC (family 26, model 2)", "cpu", 2, "float32")
    name = table_files.file_name("imagenette", machine, 8, "csv")
    assert name == "attention-lab-imagenette-amd-epyc-family-26-model-2-2-threads-float32-batch-8.csv"
    gpu = lookup.Machine("NVIDIA H100 80GB HBM3", "cuda", 0, "bfloat16")
    assert table_files.file_name("imagewoof", gpu, 1, "json") == (
        "attention-lab-imagewoof-nvidia-h100-80gb-hbm3-bfloat16-batch-1.json"
    )
    assert table_files.file_name("imagewoof", None, 1, "csv") == "attention-lab-imagewoof.csv"


# what is read


def test_a_results_file_is_parsed_again_when_it_has_changed(tmp_path):
    path = tmp_path / "a.csv"
    assert lookup.read(path).empty
    path.write_text("a\n1\n")
    first = lookup.read(path)
    first.loc[0, "a"] = 9
    assert lookup.read(path)["a"].tolist() == [1], "what is handed out is a copy"
    path.write_text("a\n1\n2\n")
    assert lookup.read(path)["a"].tolist() == [1, 2]


def test_the_reading_comes_first_then_the_matrix():
    top, plot, _, _ = benchmarks._render("en", "imagenette")
    places = [top.index(text("en", key)) for key in ("reading_heading", "matrix_heading", "accuracy_heading")]
    assert places == sorted(places) and plot["visible"]
