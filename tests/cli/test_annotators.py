"""Labels by several people, from a shell."""

import json

import numpy as np

SCAN = ["scan", "answers.csv", "--annotator-column", "worker", "--id-column", "item", "--probs", "probs.npy", "--quiet"]


def test_a_scan_of_answers_tells_of_the_people(here, labelaudit):
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, 150)
    lines = ["item,worker,label"]
    for sample, label in enumerate(true):
        for person, accuracy in {"ann": 0.97, "bob": 0.95, "cy": 0.6}.items():
            lines.append(f"s{sample},{person},{('no', 'yes')[label if rng.random() < accuracy else 1 - label]}")
    (here / "answers.csv").write_text("\n".join(lines) + "\n")
    logits = rng.normal(size=(150, 2))
    logits[np.arange(150), true] += 3
    np.save(here / "probs.npy", np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    run = labelaudit(*SCAN)
    assert run.exit_code == 0
    shown = labelaudit("show")
    people = [line for line in shown.stdout.splitlines() if line.split()[:1] in (["ann"], ["bob"], ["cy"])]
    assert people[0].split()[:2] == ["cy", "150"]
    assert "need another look; " in shown.stdout
    found = json.loads(labelaudit("show", "--json").stdout)["annotators"]
    assert found["answers"] == 450
    assert next(person["name"] for person in found["persons"]) == "cy"
    meta = json.loads((next((here / ".labelaudit" / "audits").iterdir()) / "audit.json").read_text())
    assert len(meta["annotators"]["look_again"]["first"]) == found["look_again"]["count"]
