import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest
import xmlschema

from labelaudit.core.dataset import SetAside
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.shares import Share
from labelaudit.gate.columns import read_columns
from labelaudit.gate.formats import FORMATS, parse_formats, write_report
from labelaudit.gate.result import CheckReport, CheckResult, Origin, fingerprint
from tests.gate_audit import Row, write_rows

ROOT = Path(__file__).parents[3]
SCHEMAS = ROOT / "tests" / "schemas"
NASTY = "cat/50%, \"a\" <b>&'c'\N{CAT FACE}\x01|:.png"
ROWS = [
    Row(NASTY, "cat", 0.02, "dog"),
    *[Row(f"cat/{n:02}.png", "cat", 0.03 + n / 1000, "dog") for n in range(30)],
    Row("dog/x.png", "dog"),
]
BROKEN = SetAside("dog/5.jpg", "dog/5.jpg", "dog", "unreadable", "the file\nis cut off")


def rows(*places):
    return np.array(places, dtype=np.int64)


RESULTS = (
    CheckResult("max-noise", "failed", "about 9 % are wrong; 5 % allowed", "", 0.05, 0.09, "Look.", rows(*range(31))),
    CheckResult("max-suspects", "failed", "1 suspect; 0 allowed", "class <cat>", 0, 1, "", rows(0)),
    CheckResult("max-unreadable", "failed", "1 sample", "", 0, 1, "", rows(32), severity="warning"),
    CheckResult("max-new-suspects", "skipped", "there is no baseline"),
    CheckResult("max-imbalance", "passed", "fine", measured=2.0, limit=3.0),
    CheckResult("max-unjudged", "failed", "2 are new", "", 0, 2, "Scan.", listed=("dog/n|ew.png (new)", "b (new)")),
)


@pytest.fixture
def report(tmp_path):
    audit = write_rows(tmp_path, ROWS, set_aside=[BROKEN])
    return CheckReport(
        audit_name="20261121-000000-drpl-000000",
        audit_path="/data/.labelaudit/audits/20261121-000000-drpl-000000",
        source="data/photos",
        results=RESULTS,
        columns=read_columns(audit.findings_path),
        origin=Origin("data/photos"),
        noise=Share(0.09, 0.08, 0.1),
        suspects=31,
        known=2,
        accepted=1,
        notes=("a note",),
        facts={"method": "drpl", "labelaudit": "0.1.0", "finished": "2026-11-21"},
    )


@pytest.fixture
def passed(report):
    return replace(report, results=RESULTS[3:5], notes=())


def as_json(name, report):
    return json.loads(FORMATS[name](report))


@pytest.mark.parametrize("which", ["report", "passed"])
def test_json_fits_its_schema(which, request):
    schema = json.loads((ROOT / "docs/reference/check.schema.json").read_text())
    checker = jsonschema.Draft202012Validator(schema)
    checker.check_schema(schema)
    assert list(checker.iter_errors(as_json("json", request.getfixturevalue(which)))) == []


def test_the_schema_of_json_is_able_to_fail(report):
    schema = json.loads((ROOT / "docs/reference/check.schema.json").read_text())
    broken = as_json("json", report)
    broken["results"][0]["status"] = "fatal"
    (error,) = jsonschema.Draft202012Validator(schema).iter_errors(broken)
    assert (error.instance, list(error.absolute_path)) == ("fatal", ["results", 0, "status"])


def test_json_has_every_result_and_names_samples(report):
    found = as_json("json", report)
    assert (found["passed"], found["counts"]) == (False, {"passed": 1, "failed": 3, "warnings": 1, "skipped": 1})
    noise, suspects = found["results"][:2]
    assert (noise["measured"], noise["samples_total"], len(noise["samples"])) == (0.09, 31, 31)
    assert (suspects["subject"], suspects["samples"][0]["file"]) == ("class <cat>", f"data/photos/{NASTY}")
    assert found["results"][5]["listed"] == ["dog/n|ew.png (new)", "b (new)"]


def test_json_names_a_thousand_samples_at_most(report):
    many = replace(RESULTS[0], rows=np.zeros(1500, dtype=np.int64))
    (result,) = as_json("json", replace(report, results=(many,)))["results"]
    assert (result["samples_total"], len(result["samples"])) == (1500, 1000)


def test_metrics_are_numbers_only(report):
    found = as_json("metrics", report)
    assert found["measured"] == {"max-noise": 0.09, "max-unreadable": 1, "max-imbalance": 2.0, "max-unjudged": 2}
    assert (found["noise"], found["suspects"], found["failed"]) == (0.09, 31, 3)
    assert all(isinstance(value, int | float) for value in found.values() if value is not found["measured"])


@pytest.mark.parametrize("which", ["report", "passed"])
def test_junit_fits_the_schema_of_jenkins(which, request):
    suites = ElementTree.fromstring(FORMATS["junit"](request.getfixturevalue(which)))
    assert list(xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd").iter_errors(suites)) == []


def test_the_schema_of_junit_is_able_to_fail(report):
    suites = ElementTree.fromstring(FORMATS["junit"](report))
    suites[0][0].tag = "fatal"
    (error,) = xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd").iter_errors(suites)
    assert "'fatal'" in str(error.reason)


def test_junit_has_one_case_per_check_and_fails_errors_only(report):
    suite = ElementTree.fromstring(FORMATS["junit"](report))[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "3",
        "errors": "0",
        "skipped": "1",
    }
    cases = {str(case.get("name")): [child.tag for child in case] for case in suite}
    assert cases == {
        "max-noise": ["failure"],
        "max-suspects (class <cat>)": ["failure"],
        "max-unreadable": ["system-out"],
        "max-new-suspects": ["skipped"],
        "max-imbalance": ["system-out"],
        "max-unjudged": ["failure"],
    }
    text = suite[0][0].text or ""
    assert text.splitlines()[0] == "about 9 % are wrong; 5 % allowed"
    assert f"  {NASTY}".replace("\x01", r"\x01") + ": given cat, more likely dog (clean probability 0.02)" in text
    assert text.endswith("  and 11 more")
    assert suite[2][0].text == "warning: 1 sample\n  dog/5.jpg: the file\nis cut off"


@pytest.mark.parametrize("which", ["report", "passed"])
def test_sarif_fits_the_published_schema(which, request):
    schema = json.loads((SCHEMAS / "sarif-2.1.0-rtm.5.json").read_text())
    checker = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    checker.check_schema(schema)
    assert list(checker.iter_errors(as_json("sarif", request.getfixturevalue(which)))) == []


def test_the_schema_of_sarif_is_able_to_fail(report):
    schema = json.loads((SCHEMAS / "sarif-2.1.0-rtm.5.json").read_text())
    broken = as_json("sarif", report)
    broken["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError, match="'fatal' is not one of"):
        jsonschema.Draft4Validator(schema).validate(broken)


def test_sarif_has_the_failed_rules_and_each_sample_once(report):
    (run,) = as_json("sarif", report)["runs"]
    results = run["results"]
    names = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(names[result["ruleIndex"]] == result["ruleId"] for result in results)
    assert [r["ruleId"] for r in results[:4]] == ["max-noise", "max-suspects", "max-unjudged", "max-unreadable"]
    assert len(results) == 4 + 32
    first = results[4]  # the worst sample, by the rule that names the fewest
    assert (first["ruleId"], first["level"]) == ("max-suspects", "error")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {
        "uri": "data/photos/cat/50%25%2C%20%22a%22%20%3Cb%3E%26%27c%27%F0%9F%90%B1%01%7C%3A.png",
        "uriBaseId": "SRCROOT",
    }
    assert place["region"] == {"startLine": 1}
    assert results[-1]["level"] == "warning"
    assert run["properties"] == {"audit": report.audit_name, "passed": False, "samples": 32, "left_out": 0}


def test_fingerprints_hold_when_a_file_is_renamed_and_change_with_label_or_content(report):
    sample = report.columns.sample(0)
    same = replace(sample, path="cat/renamed.png", sample_id="cat/renamed.png", clean_prob=0.4, rank=7)
    assert fingerprint(same) == fingerprint(sample)
    assert fingerprint(replace(sample, given_label="dog")) != fingerprint(sample)
    assert fingerprint(replace(sample, content_hash="other")) != fingerprint(sample)
    run = as_json("sarif", report)["runs"][0]
    assert run["results"][4]["partialFingerprints"] == {"labelauditSample/v1": fingerprint(sample)}


def test_sarif_keeps_the_worst_five_thousand_and_says_what_is_left_out(report, tmp_path):
    many = [Row(f"cat/{n}.png", "cat", 0.001 + n / 100_000, "dog") for n in range(5100)]
    columns = read_columns(write_rows(tmp_path / "many", many).findings_path)
    result = replace(RESULTS[0], rows=np.arange(5100))
    run = as_json("sarif", replace(report, columns=columns, results=(result,)))["runs"][0]
    assert len(run["results"]) == 5000
    assert (run["properties"]["samples"], run["properties"]["left_out"]) == (5100, 101)
    assert run["results"][-1]["message"]["text"].startswith("cat/4998.png: ")


ANNOTATION = re.compile(r"^::(error|warning) ([^:]*)::(.*)$")


def test_github_gets_the_worst_ten_of_each_level_and_a_last_line(report):
    lines = FORMATS["github"](report).splitlines()
    found = [match.groups() for match in map(ANNOTATION.match, lines) if match]
    assert [level for level, _, _ in found].count("error") == 10
    assert [level for level, _, _ in found].count("warning") == 2
    assert lines[-1] == "labelaudit: FAILED: 3 errors, 1 warning, 1 passed, 1 skipped; 31 suspects, 2 known, 1 accepted"
    assert len(lines) == len(found) + 1
    assert found[0] == ("error", "title=labelaudit max-noise", "about 9 %25 are wrong; 5 %25 allowed%0ALook.")
    assert found[3][1] == (
        "file=data/photos/cat/50%25%2C \"a\" <b>&'c'\N{CAT FACE}\\x01|%3A.png,line=1,"
        "title=labelaudit max-suspects (class <cat>)"
    )


def test_a_row_of_a_table_is_shown_at_its_line(report):
    table = replace(report, origin=Origin("data", table="data/flowers.csv"))
    sample = replace(report.columns.sample(1), path="flowers.csv:17")
    assert table.place(sample) == ("data/flowers.csv", 17)
    assert table.place(replace(sample, path="odd")) == ("data/flowers.csv", None)
    assert report.place(replace(sample, path="s3://bucket/1.png")) == ("s3://bucket/1.png", None)
    remote = replace(report, origin=Origin("s3://bucket/photos/"))
    assert remote.place(replace(sample, path="cat/1.png")) == ("s3://bucket/photos/cat/1.png", None)


def test_gitlab_gets_what_it_asks_for_with_fingerprints_of_their_own(report, tmp_path):
    issues = as_json("gitlab", report)
    assert len(issues) == 4 + 32
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    assert {issue["severity"] for issue in issues} == {"major", "minor"}
    assert issues[4] == {
        "description": NASTY.replace("\x01", r"\x01") + ": given cat, more likely dog (clean probability 0.02)",
        "check_name": "labelaudit/max-suspects",
        "fingerprint": fingerprint(report.columns.sample(0)),
        "severity": "major",
        "location": {"path": f"data/photos/{NASTY}", "lines": {"begin": 1}},
    }
    twins = [Row("a.png", "cat", 0.1, "dog", "same"), Row("b.png", "cat", 0.1, "dog", "same")]
    columns = read_columns(write_rows(tmp_path / "twins", twins).findings_path)
    both = as_json("gitlab", replace(report, columns=columns, results=(replace(RESULTS[0], rows=rows(0, 1)),)))
    assert len({issue["fingerprint"] for issue in both}) == 3


def test_markdown_has_the_checks_the_worst_samples_and_what_is_new(report):
    text = FORMATS["markdown"](report)
    lines = text.splitlines()
    assert lines[0] == "## labelaudit: failed"
    assert "| ❌ fail | max-suspects (class \\<cat\\>) | 1 suspect; 0 allowed |" in lines
    assert "### The worst 20 of 32 samples" in lines
    assert "- dog/n\\|ew.png (new)" in lines
    assert "- Look." in lines
    tables = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {4, 6}


def test_markdown_fits_into_a_comment_whatever_the_data(report, tmp_path):
    long = [Row("x" * 200 + f"/{n}" + "|" * 50, "y" * 300, 0.1, "z" * 300) for n in range(100)]
    columns = read_columns(write_rows(tmp_path / "long", long).findings_path)
    results = tuple(
        replace(
            RESULTS[0],
            subject=f"class {'*' * 300}{n}",
            message="|" * 2000,
            rows=np.arange(100),
            listed=("#" * 500,) * 99,
        )
        for n in range(500)
    )
    text = FORMATS["markdown"](replace(report, columns=columns, results=results))
    assert 50_000 < len(text) <= 65_536
    assert text.endswith("\n\nThe rest is too long to be shown here.\n")


def test_a_pass_is_told_in_every_format(passed):
    assert as_json("json", passed)["passed"] is True
    assert as_json("sarif", passed)["runs"][0]["results"] == []
    assert as_json("gitlab", passed) == []
    assert FORMATS["github"](passed).splitlines() == [
        "labelaudit: passed: 1 passed, 1 skipped; 31 suspects, 2 known, 1 accepted"
    ]
    assert FORMATS["markdown"](passed).startswith("## labelaudit: passed\n")


def test_formats_are_parsed_with_their_files():
    assert parse_formats(["sarif:out/a.sarif", "json"]) == [("sarif", Path("out/a.sarif")), ("json", None)]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (["sarf"], r"--format sarf: unknown format 'sarf'\.\nDid you mean 'sarif'\?"),
        (["xml"], r"unknown format 'xml'\.\nFormats: json, junit, sarif, github, gitlab, markdown, metrics\."),
        (["json:"], r"--format json:: no file after the colon"),
        (["json", "github"], r"json, github cannot all go to stdout"),
        (["json:a", "sarif:a"], r"json, sarif cannot all go to a\."),
    ],
)
def test_formats_that_cannot_be_are_named(asked, problem):
    with pytest.raises(ConfigError, match=problem):
        parse_formats(asked)


def test_a_report_that_cannot_be_written_is_an_error(report):
    with pytest.raises(DataError, match=r"cannot write /nowhere/a\.sarif: No such file"):
        write_report(report, "sarif", Path("/nowhere/a.sarif"))
