"""The step loops against a plain loop by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.training.batches import Batch, Samples, VectorInputs
from labelaudit.training.epoch import predict, train_epoch

N, D, C = 9, 3, 4


def samples(batch_size: int = 4) -> Samples:
    draw = torch.Generator().manual_seed(0)
    values = torch.randn(N, D, generator=draw)
    return Samples(VectorInputs(values), torch.randint(C, (N,), generator=draw), batch_size, torch.float32, seed=0)


def linear() -> nn.Linear:
    model = nn.Linear(D, C)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        model.weight.copy_(torch.randn(C, D, generator=draw))
        model.bias.copy_(torch.randn(C, generator=draw))
    return model


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(model(batch.inputs).float(), batch.labels, reduction="none")


def steady(step: int) -> float:
    return 0.1


def frozen(step: int) -> float:
    return 0.0


def uncounted(n: int) -> None:
    return


def train(model: nn.Module, batches: Any, **changes: Any) -> tuple[int, float]:
    fields: dict[str, Any] = {
        "loss_fn": cross_entropy,
        "optimizer": torch.optim.SGD(model.parameters(), lr=123.0),
        "lr_at": steady,
        "step": 0,
        "precision": torch.float32,
        "on_samples": uncounted,
    }
    return train_epoch(model, batches, **fields | changes)


def softmax(logits: Any) -> Any:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def train_by_hand(batches: list[Batch], rates: list[float], momentum: float) -> tuple[Any, Any, float]:
    """Return weight, bias and mean loss of SGD on softmax regression in numpy."""
    model = linear()
    W, b = model.weight.detach().double().numpy().copy(), model.bias.detach().double().numpy().copy()
    speed_W, speed_b, losses = np.zeros_like(W), np.zeros_like(b), []
    for batch, rate in zip(batches, rates, strict=True):
        x, labels = batch.inputs.double().numpy(), batch.labels.numpy()
        probs = softmax(x @ W.T + b)
        losses += (-np.log(probs[np.arange(len(x)), labels])).tolist()
        error = (probs - np.eye(C)[labels]) / len(x)
        speed_W, speed_b = momentum * speed_W + error.T @ x, momentum * speed_b + error.sum(axis=0)
        W, b = W - rate * speed_W, b - rate * speed_b
    return W, b, float(np.mean(losses))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_an_epoch_equals_a_hand_written_loop_step_by_step(momentum):
    batches = list(samples(batch_size=2).shuffled("a"))
    rates = [0.5, 0.1, 0.0, 1.0]
    for steps in range(1, len(batches) + 1):
        model = linear()
        optimizer = torch.optim.SGD(model.parameters(), lr=123.0, momentum=momentum)
        step, mean_loss = train(model, batches[:steps], optimizer=optimizer, lr_at=rates.__getitem__)
        W, b, expected_loss = train_by_hand(batches[:steps], rates[:steps], momentum)
        assert step == steps
        assert model.weight.detach().numpy() == pytest.approx(W, abs=1e-5)
        assert model.bias.detach().numpy() == pytest.approx(b, abs=1e-5)
        assert mean_loss == pytest.approx(expected_loss, rel=1e-5)


def test_the_rate_is_asked_for_once_per_global_step_and_reaches_every_group():
    model = linear()
    asked: list[int] = []
    used: list[list[float]] = []
    groups: list[dict[str, Any]] = [{"params": [model.weight]}, {"params": [model.bias]}]
    optimizer = torch.optim.SGD(groups, lr=123.0)

    def lr_at(step: int) -> float:
        asked.append(step)
        return step / 100

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        used.append([group["lr"] for group in optimizer.param_groups])
        return cross_entropy(model, batch)

    step, _ = train(model, samples(3).shuffled("a"), loss_fn=loss, optimizer=optimizer, lr_at=lr_at, step=10)
    assert step == 13
    assert sorted(set(asked)) == [10, 11, 12]
    assert used == [[0.10, 0.10], [0.11, 0.11], [0.12, 0.12]]


def test_the_mean_loss_is_per_sample_where_batches_are_unequal():
    model, data = linear(), samples(batch_size=4)
    batches = list(data.shuffled("a"))
    assert [len(batch.index) for batch in batches] == [4, 5]
    _, mean_loss = train(model, batches, lr_at=frozen)
    assert isinstance(data.inputs, VectorInputs)
    per_sample = F.cross_entropy(model(data.inputs.values), data.labels, reduction="none").detach()
    per_batch = torch.stack([cross_entropy(model, batch).mean().detach() for batch in batches]).mean()
    assert mean_loss == pytest.approx(float(per_sample.mean()), rel=1e-6)
    assert mean_loss != pytest.approx(float(per_batch), rel=1e-3)


def test_every_batch_is_counted_and_gradients_are_cleared():
    model = linear()
    counted: list[int] = []
    train(model, samples(4).shuffled("a"), on_samples=counted.append)
    assert counted == [4, 5]
    assert model.weight.grad is None


def test_training_sets_train_mode_and_predicting_eval_mode():
    model = nn.Sequential(linear(), nn.Dropout(0.5))
    train(model.eval(), samples().shuffled("a"))
    assert model.training
    predict(model, samples().in_order("plain"), N, precision=torch.float32, on_samples=uncounted)
    assert not model.training


def test_an_epoch_without_batches_has_no_mean_loss():
    step, mean_loss = train(linear(), [], step=4)
    assert step == 4
    assert np.isnan(mean_loss)


@pytest.mark.parametrize(
    ("precision", "dtype"), [(torch.float32, torch.float32), (torch.bfloat16, torch.bfloat16)], ids=str
)
def test_the_network_runs_in_the_precision_asked_for_and_its_weights_stay_float32(precision, dtype):
    model, seen = linear(), set()

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs)
        seen.add(logits.dtype)
        return F.cross_entropy(logits.float(), batch.labels, reduction="none")

    train(model, samples().shuffled("a"), loss_fn=loss, precision=precision)
    assert seen == {dtype}
    assert model.weight.dtype == torch.float32


def test_a_pass_that_learns_is_not_handed_the_weights_that_a_look_has_cast():
    model, caches = linear(), set()
    start = model.weight.detach().clone()

    def look_and_learn(model: nn.Module, batch: Batch) -> Tensor:
        with torch.no_grad():
            model(batch.inputs)
        caches.add(torch.is_autocast_cache_enabled())
        return cross_entropy(model, batch)

    train(model, samples().shuffled("a"), loss_fn=look_and_learn, precision=torch.bfloat16)
    assert not torch.equal(model.weight, start)  # torch 2.11 and later would do it with its cache as well
    assert caches == {False}


@pytest.mark.parametrize("stream", ["order", "shuffled"])
def test_predictions_are_in_dataset_order_however_the_batches_come(stream):
    model, data = linear(), samples()
    counted: list[int] = []
    batches = data.in_order("plain") if stream == "order" else data.shuffled("a")
    probs = predict(
        nn.Sequential(model, nn.Dropout(0.9)), batches, N, precision=torch.float32, on_samples=counted.append
    )
    assert isinstance(data.inputs, VectorInputs)
    x = data.inputs.values.double().numpy()
    expected = softmax(x @ model.weight.detach().double().numpy().T + model.bias.detach().double().numpy())
    assert probs.numpy() == pytest.approx(expected, abs=1e-6)
    assert sum(counted) == N


def test_predictions_under_bfloat16_are_float32_probabilities():
    probs = predict(linear(), samples().in_order("plain"), N, precision=torch.bfloat16, on_samples=uncounted)
    exact = predict(linear(), samples().in_order("plain"), N, precision=torch.float32, on_samples=uncounted)
    assert probs.dtype == torch.float32
    assert torch.allclose(probs.sum(dim=1), torch.ones(N))
    assert torch.allclose(probs, exact, atol=0.03)
    assert not torch.equal(probs, exact)


def test_predicting_from_no_batches_is_a_callers_bug():
    with pytest.raises(ValueError, match="predict needs at least one batch"):
        predict(linear(), [], 0, precision=torch.float32, on_samples=uncounted)


def test_what_follows_a_step_is_called_once_the_weights_have_moved():
    model = linear()
    found: list[tuple[int, Tensor]] = []

    def keep(step: int) -> None:
        found.append((step, model.weight.detach().clone()))

    start = model.weight.detach().clone()
    train(model, samples(3).shuffled("a"), after_step=keep, step=7)
    assert [step for step, _ in found] == [7, 8, 9]
    assert not torch.equal(found[0][1], start)
    assert torch.equal(found[-1][1], model.weight)
