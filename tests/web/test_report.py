"""The report: everything is in the one file, nothing in it asks for a network, and bad input writes none."""

import re

import pytest
from PIL import Image

from attention.cli.main import main
from attention.core.paths import ROOT
from attention.inference.compare import Models
from attention.models.checkpoints import read_manifest
from attention.models.variants import variant
from attention.pictures.reading import Upload, read_image
from attention.web import report
from attention.web.texts import text, title

pytestmark = pytest.mark.full_width

CHURCH = str(ROOT / "samples" / "church.jpg")
NAMES = ["baseline", "se-block", "attention-pool-head"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_one_file_holds_cards_tables_chart_and_hashes(tmp_path, lang):
    file = tmp_path / "report.html"
    pictures = [("<b>church</b>", read_image(CHURCH)), ("golf", read_image(ROOT / "samples" / "golf-ball.jpg"))]
    report.write(pictures, Models("imagenette", "cpu"), NAMES, file, lang)
    html = file.read_text(encoding="utf-8")
    assert html.count('<article class="card') == len(pictures) * len(NAMES)
    manifest = read_manifest("imagenette")["models"]
    assert all(manifest[name]["sha256"] in html and title(lang, variant(name)) in html for name in NAMES)
    assert "&lt;b&gt;church" in html and "<b>church" not in html
    for key in ("matrix_heading", "accuracy_heading", "chart_heading", "report_made_with"):
        assert f"<h2>{text(lang, key)}</h2>" in html
    assert html.count("Plotly.newPlot") >= 1 and html.count('class="matrix"') == 1
    outside = re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?!data:)', outside), "nothing comes from elsewhere"


def test_the_command_writes_it(tmp_path, capsys):
    file = tmp_path / "lesson.html"
    assert main(["report", CHURCH, "-o", str(file), "--models", "baseline", "--lang", "zh", "--device", "cpu"]) == 0
    assert 'lang="zh-CN"' in file.read_text(encoding="utf-8") and "lesson.html" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such.jpg", "-o", "r.html"], "no-such.jpg"),
        ([CHURCH, "broken.jpg", "-o", "r.html"], "broken.jpg"),
        ([CHURCH, "-o", "r.pdf"], "r.pdf should end with .html"),
        ([CHURCH, "-o", "r.html", "--models", "nothing"], "nothing"),
        ([CHURCH, "-o", "eca.html", "--models", "eca-block"], "eca-block has no checkpoint"),
    ],
)
def test_bad_input_gets_a_sentence_and_writes_nothing(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    assert main(["report", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("*.html")) and not list(tmp_path.glob("*.pdf"))


def test_a_file_that_cannot_be_written_gets_a_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / "file" / "r.html"
    assert main(["report", CHURCH, "-o", str(out), "--models", "baseline"]) == 2
    assert capsys.readouterr().err.strip()


def test_a_data_set_without_tables_gets_its_cards(tmp_path, monkeypatch):
    monkeypatch.setattr(report.lookup, "summary", lambda *a: report.lookup.read(tmp_path / "none.csv"))
    file = tmp_path / "r.html"
    report.write(
        [("grey", Upload(Image.new("RGB", (50, 80)), ()))],
        Models("imagewoof", "cpu"),
        ["baseline"],
        file,
    )
    html = file.read_text(encoding="utf-8")
    assert '<article class="card' in html and 'class="matrix"' not in html
