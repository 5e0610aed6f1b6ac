"""Strong augmentation: torchvision's policies by a seed of ours, and grey squares."""

import pytest
import torch

from labelaudit.training.auto_augment import auto_augmented, cut_out


def images(n: int, side: int = 16) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, side, side, 3), generator=draw).to(torch.uint8)


def test_a_square_is_grey_and_ends_at_the_edge():
    seen = cut_out(torch.zeros(2, 6, 6, 3, dtype=torch.uint8), torch.tensor([[2, 3], [0, 5]]), side=4)
    grey = (seen == 128).all(dim=-1)
    assert grey[0].nonzero().min(dim=0).values.tolist() == [0, 1]
    assert grey[0].nonzero().max(dim=0).values.tolist() == [3, 4]
    assert int(grey[0].sum()) == 16
    assert grey[1].nonzero().max(dim=0).values.tolist() == [1, 5]
    assert int(grey[1].sum()) == 2 * 3
    assert int((seen == 0).sum() + (seen == 128).sum()) == seen.numel()


def test_the_same_draw_gives_the_same_images_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    first, again, other = (auto_augmented(images(12), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.dtype == torch.uint8
    assert first.shape == (12, 16, 16, 3)


@pytest.mark.parametrize("n", [1, 4, 6])
def test_images_stay_in_their_places(n):
    flat = (torch.arange(n) * 30).to(torch.uint8).view(n, 1, 1, 1).expand(n, 8, 8, 3).contiguous()
    unchanged = torch.zeros(n, dtype=torch.bool)
    for seed in range(40):  # most policies leave a flat image's middle alone, or change it alike in a group
        seen = auto_augmented(flat, torch.Generator().manual_seed(seed))
        unchanged |= (seen[:, 4, 4] == flat[:, 4, 4]).all(dim=-1)
    assert unchanged.all()
