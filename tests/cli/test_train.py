"""`labelaudit train` from a shell: what it prints, how it stops, and its mistakes."""

import json
import re
import signal

import pytest

from tests.cli.terminal import interrupt_program, masked, run_program, write_flowers

TRAIN = ["train", "flowers.csv", "--label-column", "species", "--device", "cpu"]
MISTAKES = {
    "train-no-audit": (["train"], 3),
    "train-soft-without-an-audit": ([*TRAIN, "--labels", "soft"], 2),
    "train-unknown-labels": ([*TRAIN, "--labels", "sugested"], 2),
    "train-unknown-method": ([*TRAIN, "--method", "elr++"], 2),
    "train-nothing-to-resume": (["train", "--resume"], 2),
    "train-missing-test": ([*TRAIN, "--test", "flowerss.csv"], 2),
}


def test_a_training_says_what_it_learnt_and_which_accuracy_is_which(here, labelaudit, golden):
    write_flowers(here)
    run = labelaudit(*TRAIN, "--method", "ce", "-o", "epochs=12", "--test", "flowers.csv")
    assert run.exit_code == 0
    golden("train-stderr", masked(run.stderr, here))
    figures = re.sub(r"\b0\.\d{4}\b", "0.XXXX", run.stdout)  # they depend on the processor
    golden("train-stdout", re.sub(r"best epoch \(\d+\)", "best epoch (N)", masked(figures, here)))


def test_a_training_as_json(here, labelaudit):
    write_flowers(here)
    run = labelaudit(*TRAIN, "--method", "ce", "-o", "epochs=1", "--quiet", "--json", "--output", "m")
    assert (run.exit_code, run.stderr) == (0, "")
    found = json.loads(run.stdout)
    assert (found["schema"], found["method"], found["labels"], found["networks"]) == (1, "ce", "given", 1)
    assert found["path"] == str(here / "m" / "model.safetensors")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_says_what_is_wrong_and_what_to_try(name, here, labelaudit, golden):
    write_flowers(here, n=30)
    arguments, exit_code = MISTAKES[name]
    run = labelaudit(*arguments)
    assert (run.exit_code, run.stdout) == (exit_code, "")
    golden(f"error-{name}", masked(run.stderr[run.stderr.index("error: ") :], here))


@pytest.mark.slow
def test_an_interrupted_training_goes_on(here):
    write_flowers(here)
    long = [*TRAIN, "--method", "ce", "-o", "epochs=400", "--verbose", "--output", "my model"]
    stopped = interrupt_program(*long, cwd=here, after="epoch 5/400", by=signal.SIGINT)
    assert (stopped.exit_code, stopped.stdout) == (130, "")
    assert stopped.stderr.endswith("error: stopped.\n  try: labelaudit train --output 'my model' --resume goes on.\n")
    assert json.loads((here / "my model" / "train.json").read_text())["status"] == "interrupted"
    assert run_program("train", "--output", "my model", "--resume", "--quiet", cwd=here).exit_code == 0
    assert (here / "my model" / "model.safetensors").exists()
