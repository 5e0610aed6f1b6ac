import torch

from labelaudit.functional.standardise import principal_components, standardised


def test_columns_have_mean_0_and_deviation_1_and_constant_ones_vanish():
    values = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = torch.cat([values * 1e3 + 5, torch.full((50, 1), 0.1), torch.zeros(50, 1)], 1)
    found = standardised(values)
    torch.testing.assert_close(found.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std(0, correction=0), torch.tensor([1.0, 1, 1, 0, 0]), atol=1e-5, rtol=0)


def test_all_components_keep_distances_and_few_keep_the_most():
    features = standardised(torch.randn(80, 6, generator=torch.Generator().manual_seed(1)) @ torch.randn(6, 6))
    some = principal_components(features, 5)
    _, singular, directions = torch.linalg.svd(features.double(), full_matrices=False)
    torch.testing.assert_close(some.abs().double(), (features.double() @ directions[:5].T).abs(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(some.double().norm(dim=0), singular[:5], atol=1e-4, rtol=1e-4)
    assert principal_components(features, 6) is features
    assert principal_components(features, 0) is features


def test_the_order_of_the_samples_does_not_turn_the_components():
    features = standardised(torch.randn(40, 9, generator=torch.Generator().manual_seed(2)))
    order = torch.randperm(40, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(
        principal_components(features[order], 4), principal_components(features, 4)[order], atol=1e-4, rtol=1e-4
    )
