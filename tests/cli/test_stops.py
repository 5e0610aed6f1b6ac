"""A stop at any moment, while packages are imported, too, ends with 130 and one sentence; so do two in a row."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.terminal import COMMAND, PLAIN, write_photos


def stopped(here, after_s, *signals, words):
    """Return how a command ends that gets signals, the first after some seconds: code, stdout and stderr."""
    process = subprocess.Popen(
        [*COMMAND, *words],
        cwd=here,
        env=os.environ | PLAIN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(after_s)
    for each in signals:
        process.send_signal(each)
        time.sleep(0.01)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def is_told(run):
    code, out, err = run
    said = [line for line in err.splitlines() if line.startswith("error:")]
    return (code, said, "Traceback" in err, "ignored" in err, out) == (130, ["error: stopped."], False, False, "")


@pytest.mark.slow
@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT] * 2, [signal.SIGTERM] * 3])
@pytest.mark.parametrize("command", ["scan", "inspect"])
def test_a_stop_while_packages_are_imported_is_one_sentence(here, signals, command):
    write_photos(here)
    draw = random.Random(len(signals))
    for _ in range(3):
        run = stopped(here, draw.uniform(0.4, 1.6), *signals, words=[command, "photos", "--device", "cpu"])
        assert is_told(run), run


def test_a_stop_at_the_start_is_one_sentence(here):
    """As soon as the program listens: the first thing that it imports after that waits."""
    (here / "typer.py").write_text("print('importing', flush=True)\nimport time\ntime.sleep(60)\n")
    process = subprocess.Popen(
        COMMAND,
        cwd=here,
        env=os.environ | {"PYTHONPATH": f"{here}:{os.environ.get('PYTHONPATH', '')}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "error: stopped.\n")


def test_a_stop_before_the_command_has_begun_is_told_where_typer_says_nothing():
    script = (
        "import os, signal\nfrom labelaudit.cli.last_door import enter\n"
        "def run(args):\n    try:\n        os.kill(os.getpid(), signal.SIGINT)\n        signal.pause()\n"
        "    except KeyboardInterrupt:\n        raise SystemExit(130)\n"
        "enter(lambda: run)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (130, "error: stopped.\n")


def test_an_import_that_keeps_the_interrupt_quiet_is_stopped_all_the_same():
    script = (
        "import os, signal\nfrom labelaudit.cli.last_door import enter\n"
        "def load():\n    try:\n        os.kill(os.getpid(), signal.SIGINT)\n        signal.pause()\n"
        "    except KeyboardInterrupt:\n        raise ImportError('a part is missing')\n"
        "enter(load)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (130, "error: stopped.\n")


def test_a_stop_in_a_finaliser_is_not_lost():
    script = (
        "import os, signal, time\nfrom labelaudit.cli.last_door import enter\n"
        "class Thing:\n    def __del__(self):\n        os.kill(os.getpid(), signal.SIGINT)\n        time.sleep(0.01)\n"
        "def run(args):\n    Thing()\n    time.sleep(30)\n"
        "enter(lambda: run)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=20)
    assert (run.returncode, run.stderr) == (130, "error: stopped.\n")
