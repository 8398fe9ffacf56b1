"""What programs can call and people can type is documented, and nothing else is."""

import re

import pytest

from attention.cli.main import build_parser
from attention.core.paths import ROOT
from attention.study import lookup, test_sizes
from attention.study.tables import ACCURACY_FILE
from attention.web.links import Link
from attention.web.tables import number
from tools import document

DOCS = sorted((ROOT / "docs").glob("*.md"))
README = ROOT / "README.md"
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def flags_of(parser) -> set[str]:
    return {flag for action in document.options(parser) for flag in action.option_strings}


def test_the_list_of_commands_is_what_the_parsers_say():
    said = document.FILE.read_text(encoding="utf-8")
    assert said == document.document(), "make docs writes it anew"


def test_every_flag_says_what_it_is():
    for parser in document.subcommands(build_parser()).values():
        silent = [action.dest for action in parser._actions if action.dest != "help" and not action.help]
        assert silent == [], parser.prog


def test_readme_names_every_command_and_no_flag_that_does_not_exist():
    said, commands = README.read_text(encoding="utf-8"), document.subcommands(build_parser())
    rows = {row.split("`")[1].split()[0]: row for row in said.splitlines() if re.match(r"\| `[a-z-]+[ `]", row)}
    assert set(commands) <= set(rows)
    for name, parser in commands.items():
        shown = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", rows[name].split("`")[1]))
        assert shown <= flags_of(parser), name


@pytest.mark.parametrize("file", [README, *DOCS], ids=lambda file: file.name)
def test_documents_name_flags_that_exist(file):
    parsers = document.subcommands(build_parser())
    for call in re.findall(r"python -m attention ([^`\n]*)", file.read_text(encoding="utf-8")):
        name = call.split()[0].strip(".,;:)") if call.split() else ""
        if name in parsers:
            flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", call))
            assert flags <= flags_of(parsers[name]) | {"--help"}, call


@pytest.mark.parametrize("file", [README, *DOCS], ids=lambda file: file.name)
def test_no_link_between_documents_is_broken(file):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:")):
            assert (file.parent / target).exists(), target


def test_every_endpoint_is_documented_and_every_documented_one_exists(published, in_a_thread):
    from attention.inference.model_sets import ModelSets
    from attention.web import page

    async def built():  # gradio leaves a loop open where it finds none
        return page.build(ModelSets("imagenette", "cpu")).get_api_info()

    info = in_a_thread(built())
    endpoints = {name.removeprefix("/") for name in info["named_endpoints"]}
    headings = set(re.findall(r"^## `/([\w]+)`$", API, re.MULTILINE))
    assert endpoints == headings == set(re.findall(r"^\| \[`/(\w+)`\]", API, re.MULTILINE))
    assert endpoints == set(re.findall(r"^ask (\w+) ", API, re.MULTILINE)), "an example by curl each"


def test_every_parameter_of_a_link_is_documented():
    parameters = set(re.findall(r"^\| `(\w+)` \|", API, re.MULTILINE))
    assert parameters == (set(Link.__dataclass_fields__) - {"ignored", "picked"}) | {"class", "lang"}


def test_what_the_readme_found_is_what_the_tables_say():
    part = README.read_text(encoding="utf-8").split("## What was found so far")[1].split("\n## ")[0]
    said = re.findall(r"[−+]?\d+\.\d+", part)
    accuracy, sizes = lookup.read(ACCURACY_FILE), test_sizes.read("everyday").set_index(["variant", "pixels"])
    judged = accuracy[(accuracy["dataset"] == "imagenette") & (accuracy["p_holm"].notna())]
    assert len(judged) == 7 and set(judged["verdict"]) == {"undecided"} and set(judged["seeds"]) == {3}
    columns = [f"difference_{end}points" for end in ("", "low_", "high_")]
    everyday = accuracy[accuracy["dataset"] == "everyday"].set_index("variant")[columns]
    expected = [number(judged[columns[1]].min(), "+.1f"), number(judged[columns[2]].max(), "+.1f")]
    expected += [
        number(value, ".1f") for name in ("attention-pool-head", "baseline-wide") for value in everyday.loc[name]
    ]
    (_, low, high), far = sizes.loc[("cbam-block", 96), columns], sizes.loc[("cbam-block", 144), columns]
    expected += [number(sizes.loc[("cbam-block", 96), columns[0]], "+.1f"), number(low, ".1f"), number(high, ".1f")]
    expected += [number(value, "+.1f") for value in far]
    machine = next(m for m in lookup.machines("cpu") if "family 26" in m.device and m.dtype == "float32")
    p50 = lookup.latencies(machine, 1, 160).set_index("variant")["p50_ms"]
    expected.append(number(p50["baseline"], ".1f"))
    names = ("self-attention-stage", "attention-pool-head", "se-block", "cbam-block", "self-attention-stage1")
    expected += [number(p50[name] / p50["baseline"], ".2f") for name in names]
    assert said == expected


@pytest.mark.parametrize(
    "path", [README, ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md", *DOCS], ids=lambda p: p.name
)
def test_every_link_to_a_file_leads_somewhere(path):
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
