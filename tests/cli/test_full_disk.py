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


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "data"),
            ["data: Permission denied.", "Check who may read"],
        ),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300), ["x... (300 characters): File name too long."]),
        (ConnectionResetError("reset"), ["error: reset."]),
    ],
)
def test_what_the_system_refuses_is_a_sentence(capsys, error, said):
    with pytest.raises(typer.Exit) as caught:
        ending(error)
    assert caught.value.exit_code == 3
    shown = capsys.readouterr().err
    assert all(text in shown for text in said)


def test_bugs_are_shown_as_such():
    with pytest.raises(KeyError):
        ending(KeyError("label"))
