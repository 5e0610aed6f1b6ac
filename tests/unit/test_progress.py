"""What is seen of a scan in Python: a line on stderr, a bar in a notebook, and short representations."""

import io

import pytest

import labelaudit
from labelaudit.core.events import Said, SamplesDone, StageFinished, StageStarted
from tests.cli.terminal import write_audit
from tests.gate_audit import Row, write_rows

EVENTS = (
    StageStarted("n", "Learn <b>", 200),
    Said("note", "a choice"),
    Said("warning", "look <here>"),
    SamplesDone("n", 50),
    StageFinished("n", 65.0),
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_without_a_terminal_only_what_stays_is_written():
    stream = io.StringIO()
    progress = labelaudit.Progress(stream)
    for event in EVENTS:
        progress(event)
    assert stream.getvalue() == "warning: look <here>\nLearn <b>: 1 min 05 s\n"


def test_in_a_terminal_one_line_changes(monkeypatch):
    stream = Terminal()
    progress = labelaudit.Progress(stream)
    monkeypatch.setattr("labelaudit.progress._EVERY_S", 0.0)
    for event in EVENTS:
        progress(event)
    lines = stream.getvalue().replace("\n", "").split("\r")
    assert [line.rstrip() for line in lines] == [
        "",
        "Learn <b>: 0 %",
        "warning: look <here>",
        "Learn <b>: 25 %",
        "Learn <b>: 1 min 05 s",
    ]


def test_in_a_notebook_there_is_a_bar_and_names_are_escaped(monkeypatch):
    interactive = pytest.importorskip("IPython.core.interactiveshell", reason="needs IPython: pip install '.[test]'")
    from IPython.utils.capture import capture_output

    shell = interactive.InteractiveShell.instance()
    try:
        assert not labelaudit.progress.in_notebook()  # a terminal with IPython
        shell.kernel = object()
        monkeypatch.setattr("labelaudit.progress._EVERY_S", 0.0)
        with capture_output() as captured:
            progress = labelaudit.Progress()
            for event in EVENTS:
                progress(event)
        shown = [output.data["text/html"] for output in captured.outputs]
    finally:
        interactive.InteractiveShell.clear_instance()
    assert shown[0] == '<progress value="0.000" max="1"></progress> Learn &lt;b&gt;: 0 %'
    assert shown[-2].endswith('<progress value="0.250" max="1"></progress> Learn &lt;b&gt;: 25 %')
    assert shown[-1] == "warning: look &lt;here&gt;<br>Learn &lt;b&gt;: 1 min 05 s<br>"


def test_a_notebook_shows_an_audit_with_its_worst_samples(tmp_path):
    audit = write_audit(tmp_path, ids=("<script>1</script>", "cat/2.png", "dog/3.png", "dog/4.png"))
    shown = audit._repr_html_()
    assert "<strong>Likely 42.2 % wrong labels, about 2 of 4</strong>" in shown
    assert shown.count("<tr>") == 1 + 2
    assert "<td>cat/2.png</td><td>cat</td><td>dog</td><td>0.96</td>" in shown
    assert "<script>" not in shown


def test_a_notebook_says_of_an_unfinished_audit_that_it_is_not_finished(tmp_path):
    audit = write_rows(tmp_path, [Row("a", "cat"), Row("b", "dog")], finished=False)
    assert audit._repr_html_() == f"<code>&lt;Audit {audit.path}: running&gt;</code>"


def test_representations_are_one_line_whatever_the_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [Row(f"{k}.png", "cat" if k % 2 else "dog", 0.2, "dog" if k % 2 else "cat") for k in range(300)]
    audit = write_rows(tmp_path, rows)
    report = labelaudit.check(audit, ignore_settings=True, overrides={"max_noise": "0.1"})
    found = [
        audit,
        report,
        *report.results,
        labelaudit.baseline(audit),
        labelaudit.mark(["3.png", "4.png"], verdict="ok", why="seen", audit=audit),
    ]
    for each in found:
        text = repr(each)
        assert "\n" not in text
        assert len(text) < 250
        assert "array(" not in text
    assert repr(found[1]) == f"<CheckReport of {audit.path.name}: failed (max-noise), 300 suspects>"
    assert repr(found[-1]) == "<Marked: 2 decisions>"
