"""Draw docs/images/disputes.svg: where the three numbers of an audit are read, on made-up disputes.

python docs/make_disputes_picture.py
"""

from pathlib import Path

import numpy as np

PICTURE = Path(__file__).parent / "images" / "disputes.svg"
_WIDTH, _HEIGHT, _FLOOR = 760, 300, 250
_LEFT, _RIGHT = -1.2, 1.3  # units that are shown
_BINS = 50


def counts(wrong: float) -> np.ndarray:
    """Return how many of 20,000 made-up labels are disputed by so many units, a share of them wrong."""
    draw = np.random.default_rng(0)
    sure = draw.gamma(4.0, 0.16, 20_000)
    mistaken = draw.random(20_000) < 0.12
    is_wrong = draw.random(20_000) < wrong
    units = np.where(mistaken, -0.25, -1.0) * sure
    units[mistaken] += draw.normal(0.2, 0.15, mistaken.sum())
    units = np.where(is_wrong, -units, units)
    return np.histogram(units, bins=_BINS, range=(_LEFT, _RIGHT))[0]


def x_of(units: float) -> float:
    """Return where so many units are drawn."""
    return 30 + (units - _LEFT) / (_RIGHT - _LEFT) * (_WIDTH - 60)


def steps(values: np.ndarray, colour: str) -> str:
    """Return a histogram as one filled path."""
    top = _FLOOR - np.sqrt(values) * 6.2  # roots: the few that matter must be seen
    edges = [x_of(edge) for edge in np.linspace(_LEFT, _RIGHT, _BINS + 1)]
    path = f"M{edges[0]:.1f},{_FLOOR}" + "".join(
        f"V{y:.1f}H{right:.1f}" for y, right in zip(top, edges[1:], strict=True)
    )
    return f'<path d="{path}V{_FLOOR}Z" fill="{colour}" fill-opacity=".45" stroke="{colour}"/>'


def mark(units: float, text: str, y: int) -> str:
    """Return a line at so many units, with its name."""
    x = x_of(units)
    return (
        f'<line x1="{x:.1f}" y1="{y + 6}" x2="{x:.1f}" y2="{_FLOOR}" stroke="#888" stroke-dasharray="4 3"/>'
        f'<text x="{x + 4:.1f}" y="{y + 4}" font-size="13" fill="#777">{text}</text>'
    )


def picture() -> str:
    """Return the picture as SVG that can be read on light and on dark pages."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        ' font-family="sans-serif" role="img">',
        "<title>Disputes of clean and of noisy labels, and where the three numbers are read</title>",
        steps(counts(0.2), "#d1495b"),
        steps(counts(0.0), "#2e86ab"),
        mark(0.0, "disputed from here: at most", 18),
        mark(0.3, "the bar: likely", 44),
        mark(0.7, "strong: certain", 70),
        f'<text x="34" y="{_HEIGHT - 28}" font-size="13" fill="#777">the witness agrees</text>',
        f'<text x="{_WIDTH - 200}" y="{_HEIGHT - 28}" font-size="13" fill="#777">and prefers another label</text>',
        f'<text x="34" y="{_HEIGHT - 8}" font-size="13" fill="#2e86ab">clean labels</text>',
        f'<text x="134" y="{_HEIGHT - 8}" font-size="13" fill="#d1495b">a fifth wrong</text>',
        "</svg>\n",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
