"""`labelaudit predict` and `export-model` from a shell."""

import pytest

from tests.cli.terminal import masked, write_flowers, write_photos, write_truncated_jpeg
from tests.trained import flower_model, photo_model

MISTAKES = {
    "predict-no-model": (["predict", "model", "photos"], 3),
    "predict-no-such-data": (["predict", "pets", "photoss"], 2),
    "predict-table-for-images": (["predict", "flowers", "photos"], 2),
    "predict-unknown-device": (["predict", "pets", "photos", "--device", "gpu"], 2),
    "predict-out-in-a-missing-folder": (["predict", "pets", "photos", "--output", "gone/p.csv"], 3),
    "export-model-unknown-format": (["export-model", "pets", "--format", "tensorflow"], 2),
}


def test_predictions_are_written_and_counted(here, labelaudit, golden):
    write_truncated_jpeg(write_photos(here, n=8) / "cat" / "torn.jpg")
    photo_model(here / "model")
    run = labelaudit("predict", "model", "photos")
    assert (run.exit_code, run.stdout) == (0, "")
    golden("predict-stderr", masked(run.stderr, here))
    lines = (here / "predictions.csv").read_text().splitlines()
    assert lines[0] == "sample_id,label,prob,label_2,prob_2,error"
    assert len(lines) == 10


def test_predictions_go_to_stdout(here, labelaudit):
    write_flowers(here, n=12)
    flower_model(here / "flowers.csv", here / "model")
    run = labelaudit("predict", "model/model.safetensors", "flowers.csv", "--output", "-", "--top", "1", "--quiet")
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout.splitlines()[0] == "sample_id,label,prob,error"
    assert run.stdout.splitlines()[2].startswith("r001,versicolor,")
    assert not (here / "predictions.csv").exists()


def test_a_program_is_written_beside_the_model(here, labelaudit):
    flower_model(write_flowers(here, n=12), here / "model")
    run = labelaudit("export-model", "model")
    assert (run.exit_code, run.stdout, run.stderr) == (0, "", "wrote model/model.pt2\n")
    assert (here / "model" / "model.pt2").exists()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_says_what_is_wrong_and_what_to_try(name, here, labelaudit, golden):
    write_photos(here, n=8)
    photo_model(here / "pets")
    flower_model(write_flowers(here, n=12), here / "flowers")
    arguments, exit_code = MISTAKES[name]
    run = labelaudit(*arguments)
    assert (run.exit_code, run.stdout) == (exit_code, "")
    golden(f"error-{name}", masked(run.stderr[run.stderr.index("error: ") :], here))
