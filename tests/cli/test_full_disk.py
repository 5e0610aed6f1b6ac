import errno

import pytest
import typer

from labelaudit.cli.console import reports_errors


def ending(error: Exception) -> None:
    @reports_errors
    def command() -> None:
        raise error

    command()


def test_a_full_disk_is_no_failed_check(capsys):
    with pytest.raises(typer.Exit) as caught:
        ending(OSError(errno.ENOSPC, "No space left on device", "audit.json"))
    assert caught.value.exit_code == 3
    said = capsys.readouterr().err
    assert "no space is left on the disk: [Errno 28] No space left on device: 'audit.json'" in said
    assert "try: Free some; `scan` and `train` then take --resume." in said


def test_other_errors_of_the_system_are_bugs_and_shown_as_such():
    with pytest.raises(PermissionError):
        ending(PermissionError(errno.EACCES, "no"))
