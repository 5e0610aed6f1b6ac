"""Errors of the system and mistakes of ours: one sentence with the path and the code of a failure, no traceback."""

import errno
import os
import subprocess

import pytest
import typer

from labelaudit.cli.console import debugging, reports_errors
from labelaudit.core.errors import DataError
from labelaudit.core.files import naming
from tests.cli.terminal import COMMAND, write_audit


def ending(error: BaseException) -> int:
    """Return the exit code of a command that meets an error."""

    @reports_errors
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as caught:
        command()
    return caught.value.exit_code


def test_a_full_disk_is_no_failed_check(capsys):
    assert ending(OSError(errno.ENOSPC, "No space left on device", "audit.json")) == 3
    said = capsys.readouterr().err
    assert "no space is left on the disk: [Errno 28] No space left on device: 'audit.json'" in said
    assert "try: Free some; `scan` and `train` then take --resume." in said


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.EACCES, "change its permissions"),
        (errno.EROFS, "can only be read"),
        (errno.EIO, ""),
        (errno.ENAMETOOLONG, "too long"),
    ],
)
def test_other_errors_of_the_system_name_the_path(capsys, number, hint):
    assert ending(OSError(number, os.strerror(number), "/a/b")) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"error: /a/b: {os.strerror(number)}.\n")
    assert hint in said


def test_a_mistake_of_ours_is_one_line_and_no_failed_check(capsys):
    assert ending(ZeroDivisionError("division\nby zero")) == 3
    said = capsys.readouterr().err
    assert said.startswith("error: unexpected, ZeroDivisionError: division by zero (test_full_disk.py:")
    assert "Traceback" not in said
    assert said.count("\n") == 2


def test_debug_shows_the_traceback(capsys):
    debugging.set(True)
    try:
        assert ending(ZeroDivisionError("x\x1b")) == 3
    finally:
        debugging.set(False)
    said = capsys.readouterr().err
    assert "Traceback (most recent call last):" in said
    assert r"ZeroDivisionError: x\x1b" in said


@pytest.mark.parametrize(
    ("error", "code"),
    [(MemoryError(), 3), (RecursionError("deep"), 3), (KeyboardInterrupt(), 130), (DataError("x"), 3)],
)
def test_every_end_has_its_code(error, code):
    assert ending(error) == code


def test_errors_that_name_no_file_are_given_the_path(tmp_path):
    for error in (OSError(errno.ENOSPC, "No space left on device"), RuntimeError("I/O: No space left on device")):
        with pytest.raises(OSError, match=r"No space left on device: '.*/a'") as caught, naming(tmp_path / "a"):
            raise error
        assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("words", [["show"], ["show", "--json"], ["check"], ["methods"], ["--help"], ["--version"]])
@pytest.mark.parametrize("to", ["full", "closed"])
def test_a_stdout_that_takes_nothing_is_a_failure_in_one_sentence(here, words, to):
    write_audit(here)
    target = ["sh", "-c", 'exec "$@" >&-' if to == "closed" else 'exec "$@" >/dev/full', "sh", *COMMAND, *words]
    run = subprocess.run(target, cwd=here, capture_output=True, text=True, check=False)
    assert run.returncode == 3
    assert run.stderr.startswith("error: ")
    assert "Traceback" not in run.stderr
    assert "Exception ignored" not in run.stderr


@pytest.mark.parametrize("streams", [">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full", "2>&-"])
def test_closed_streams_end_in_no_file_of_ours(here, streams):
    write_audit(here)
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    script = f'exec "$@" {streams}'
    run = subprocess.run(["sh", "-c", script, "sh", *COMMAND, "show"], cwd=here, capture_output=True, check=False)
    assert run.returncode == (3 if ">&- 2" in streams else 0)
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may do anything")
@pytest.mark.parametrize("words", [["mark", "cat/1.png", "--ok", "--why", "x"], ["baseline"], ["judge"]])
def test_a_folder_that_can_only_be_read_is_named(here, labelaudit, words):
    audit = write_audit(here)
    for folder in (here, audit.home, audit.path):
        folder.chmod(0o555)
    run = labelaudit(*words)
    for folder in (here, audit.home, audit.path):
        folder.chmod(0o755)
    assert run.exit_code == 3
    assert str(here) in run.stderr


def test_debug_may_stand_anywhere(here):
    for words in (["--debug", "show"], ["show", "--debug"], ["show", "--debug", "--json"]):
        run = subprocess.run([*COMMAND, *words], cwd=here, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout) == (3, "")
        assert run.stderr.startswith("error: no audit in ")
