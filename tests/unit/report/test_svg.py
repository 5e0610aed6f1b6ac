import numpy as np
import pytest

from labelaudit.report.svg import Scale, element, picture, round_ticks, stairs


def test_texts_and_values_are_escaped():
    made = str(element("text", "<script>alert('x')</script>", aria_label='"><img src=x>'))
    assert made == (
        '<text aria-label="&#34;&gt;&lt;img src=x&gt;">&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;</text>'
    )


def test_elements_in_elements_are_left_as_they_are():
    made = picture(10, 2.5, element("rect", x=0.126, y=-0.001, class_="a"), title="A <b>")
    assert str(made) == (
        '<svg class="chart" viewBox="0 0 10 2.5" role="img" aria-label="A &lt;b&gt;"><title>A &lt;b&gt;</title>'
        '<rect x="0.13" y="0" class="a"></rect></svg>'
    )


def test_a_scale_is_a_line_that_ends_at_its_ends():
    scale = Scale(0.0, 10.0, 100.0, 0.0)
    assert scale.of([0, 2.5, 10, 99, -5]) == [100.0, 75.0, 0.0, 0.0, 100.0]
    assert Scale(1.0, 1.0, 5.0, 9.0)(1.0) == 5.0


@pytest.mark.parametrize(
    ("high", "ticks"), [(1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (7, [0, 2, 4, 6]), (340, [0, 100, 200, 300]), (0, [0])]
)
def test_ticks_are_round(high, ticks):
    assert round_ticks(high) == pytest.approx(ticks)


def test_stairs_go_along_and_up():
    xs, ys = stairs(np.array([0.0, 1.0, 2.0]), np.array([5.0, 7.0]))
    assert (xs.tolist(), ys.tolist()) == ([0, 1, 1, 2], [5, 5, 7, 7])
