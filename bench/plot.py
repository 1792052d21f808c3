"""The plot of the cold starts: a bar a row, split by stage, as SVG."""

import statistics
from xml.sax.saxutils import escape

from bench.cold_start import STAGES
from bench.findings import ColdStarts, median_total

COLORS = ("#9aa5b1", "#6b7a8f", "#3b6ea5", "#e0a030", "#b5533c", "#5a9367", "#8e6bb0")
LEFT, WIDTH, BAR, GAP = 290, 640, 18, 10


def draw(cold: ColdStarts) -> str:
    """An SVG document; parts of a bar are medians of each stage, its label that of the whole."""
    medians = {
        name: [statistics.median(sample.stages[stage] for sample in samples) for stage in STAGES]
        for name, (_, samples) in cold.items()
    }
    longest = max(sum(values) for values in medians.values())
    scale = WIDTH / longest
    height = 60 + len(medians) * (BAR + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 80}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        *draw_legend(),
    ]
    for number, (name, values) in enumerate(medians.items()):
        top = 44 + number * (BAR + GAP)
        parts.append(f'<text x="{LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>')
        left = float(LEFT)
        for value, color in zip(values, COLORS, strict=True):
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{value * scale:.1f}" height="{BAR}" '
                f'fill="{color}"/>'
            )
            left += value * scale
        total = median_total(cold, name) * 1000
        parts.append(f'<text x="{left + 6:.1f}" y="{top + 14}">{total:.0f} ms</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def draw_legend() -> list[str]:
    parts = []
    for number, (stage, color) in enumerate(zip(STAGES, COLORS, strict=True)):
        left = 12 + number * 132
        parts.append(f'<rect x="{left}" y="12" width="14" height="14" fill="{color}"/>')
        parts.append(f'<text x="{left + 20}" y="24">{stage}</text>')
    return parts
