"""Every mistake ends with its exit code, the place, the value and the next step."""

import pytest

from tests.cli.terminal import masked, write_audit, write_flowers, write_photos

FLOWERS = ["scan", "flowers.csv", "--label-column", "species"]
MISTAKES = {
    "missing-folder": (["scan", "photoss"], 2),
    "missing-table": (["scan", "elsewhere/labels.csv"], 2),
    "unknown-label-column": (["scan", "flowers.csv", "--label-column", "specie"], 2),
    "no-label-column": (["scan", "kinds.csv"], 2),
    "option-without-value": ([*FLOWERS, "-o", "epochs"], 2),
    "option-unknown": ([*FLOWERS, "-o", "epoch=3"], 2),
    "option-out-of-range": ([*FLOWERS, "-o", "epochs=0"], 2),
    "option-no-number": ([*FLOWERS, "-o", "train.batch_size=many"], 2),
    "option-not-a-choice": ([*FLOWERS, "--method", "drpl", "-o", "stage2=soft"], 2),
    "unknown-method": ([*FLOWERS, "--method", "drlp"], 2),
    "epochs-scale-out-of-range": ([*FLOWERS, "--epochs-scale", "10"], 2),
    "epochs-scale-and-budget": ([*FLOWERS, "--epochs-scale", "0.1", "--budget", "5m"], 2),
    "no-trusted-set-for-a-table": ([*FLOWERS, "--method", "ieg"], 2),
    "no-trusted-set-for-images": (["scan", "photos", "--method", "ieg"], 2),
    "missing-trusted-set": ([*FLOWERS, "--trusted", "trusted.csv"], 2),
    "trusted-per-class-of-nothing": ([*FLOWERS, "--trusted-per-class", "10"], 2),
    "trusted-folder-for-a-table": ([*FLOWERS, "--trusted", "photos"], 2),
    "unknown-recipe": ([*FLOWERS, "--recipe", "fsat"], 2),
    "unknown-paper-row": (["scan", "photos", "--recipe", "paper:cifar11"], 2),
    "paper-recipe-for-a-table": ([*FLOWERS, "--recipe", "paper"], 2),
    "unknown-backbone": (["scan", "photos", "--backbone", "resnet19"], 2),
    "backbone-for-a-table": ([*FLOWERS, "--backbone", "resnet18"], 2),
    "unknown-device": ([*FLOWERS, "--device", "gpu"], 2),
    "image-size-out-of-range": (["scan", "photos", "--image-size", "4"], 2),
    "missing-probs": ([*FLOWERS, "--probs", "probs.npy"], 2),
    "probs-for-a-folder": (["scan", "photos", "--probs", "probs.npy"], 2),
    "nothing-to-resume": (["scan", "photos", "--resume"], 2),
    "missing-split": (["scan", "photos", "--split", "test"], 2),
    "no-audit-yet": (["show", "--audit", "photos"], 3),
    "no-audit-to-export": (["export", "--suspect.csv", "--audit", "photos"], 3),
    "export-without-a-name": (["export"], 2),
    "demo-in-a-full-folder": (["demo", "photos"], 2),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_says_what_is_wrong_and_what_to_try(name, here, labelaudit, golden):
    flowers = write_flowers(here, n=30)
    (here / "kinds.csv").write_text(flowers.read_text().replace("species", "petals", 1))
    write_photos(here, n=8)
    arguments, exit_code = MISTAKES[name]
    run = labelaudit(*arguments)
    assert run.exit_code == exit_code
    assert run.stdout == ""
    message = run.stderr[run.stderr.index("error: ") :]
    golden(f"error-{name}", masked(message, here))


def test_a_folder_of_unreadable_images_is_an_error_of_the_data(here, labelaudit, golden):
    for label in ("cat", "dog"):
        for number in range(3):
            path = here / "photos" / label / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
    run = labelaudit("scan", "photos")
    assert (run.exit_code, run.stdout) == (3, "")
    golden("error-unreadable-folder", masked(run.stderr, here))


def test_one_class_is_an_error_of_the_data(here, labelaudit, golden):
    write_photos(here, n=8)
    for file in (here / "photos" / "dog").iterdir():
        file.unlink()
    run = labelaudit("scan", "photos")
    assert (run.exit_code, run.stdout) == (3, "")
    golden("error-one-class", masked(run.stderr, here))


def test_two_tables_do_not_fit_on_stdout(here, labelaudit, golden):
    write_audit(here)
    run = labelaudit("export", "--suspect.csv", "--all.csv", "--stdout")
    assert (run.exit_code, run.stdout) == (2, "")
    golden("error-two-tables-on-stdout", masked(run.stderr, here))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scna"], "Did you mean 'scan'"),
        (["scan"], "DATA"),
        (["scan", "photos", "--seed", "-1"], "--seed"),
        (["export", "--suspcet.csv"], "--suspect.csv"),
    ],
)
def test_a_misspelt_command_line_ends_with_2_and_names_the_mistake(arguments, said, labelaudit):
    run = labelaudit(*arguments)
    assert (run.exit_code, run.stdout) == (2, "")
    assert said in run.stderr


def test_an_error_keeps_a_long_path_in_one_piece(here, labelaudit):
    name = "a-very-long-name-" * 10
    run = labelaudit("scan", name)
    assert f"error: {name} does not exist." in run.stderr.splitlines()
