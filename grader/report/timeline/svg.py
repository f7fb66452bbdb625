"""A scene as SVG: self-contained, without scripts, for light and dark surroundings."""

from __future__ import annotations

import hashlib
import re
from xml.sax.saxutils import escape

from grader.report.timeline.ink import Label, Path, Rect, Scene, Shape
from grader.report.timeline.style import VERSIONS, style

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, not even escaped."""


def render(scene: Scene) -> str:
    """One `<svg>` element. Its ids are its own, so several may stand in one page."""
    body = "\n".join(_shape(shape) for shape in scene.shapes)
    mark = hashlib.sha256((scene.title + body).encode("utf-8", "replace")).hexdigest()[:8]
    width, height = f"{scene.width:.0f}", f"{scene.height:.0f}"
    patterns = "".join(_patterns(f"t{mark}"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mlk8s-timeline t{mark}" role="img" '
        f'aria-labelledby="t{mark}-title t{mark}-desc" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" style="max-width:100%;height:auto">\n'
        f'<title id="t{mark}-title">{_text(scene.title)}</title>\n'
        f'<desc id="t{mark}-desc">{_text(scene.description)}</desc>\n'
        f"<style>{style(f't{mark}')}</style>\n"
        f"<defs>{patterns}</defs>\n"
        f'<rect class="card" x="0.5" y="0.5" width="{scene.width - 1:.0f}" '
        f'height="{scene.height - 1:.0f}" rx="10"/>\n'
        f"{body}\n</svg>\n"
    )


def _patterns(mark: str) -> list[str]:
    """Hatching for Pods that start, one for each colour of a version, and for trouble."""
    found = []
    for look in (*(f"v{place}" for place in range(VERSIONS)), "bad", "warn", "blind"):
        found.append(
            f'<pattern id="{mark}-{look}" class="hatch {look}" width="5" height="5" '
            'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            '<rect class="ground" width="5" height="5"/><path class="stroke" d="M1.2 0V5"/>'
            "</pattern>"
        )
    return found


def _shape(shape: Shape) -> str:
    title = f"<title>{_text(shape.title)}</title>" if shape.title else ""
    if isinstance(shape, Rect):
        radius = f' rx="{shape.radius:g}"' if shape.radius else ""
        return (
            f'<rect class="{shape.look}" x="{shape.x:.1f}" y="{shape.y:.1f}" '
            f'width="{shape.width:.1f}" height="{shape.height:.1f}"{radius}>{title}</rect>'
        )
    if isinstance(shape, Path):
        return f'<path class="{shape.look}" d="{shape.d}">{title}</path>' if shape.d else ""
    return _label(shape, title)


def _label(label: Label, title: str) -> str:
    anchor = f' text-anchor="{label.anchor}"' if label.anchor != "start" else ""
    mono = " mono" if label.mono else ""
    return (
        f'<text class="{label.look}{mono}" x="{label.x:.1f}" y="{label.y:.1f}" '
        f'font-size="{label.size:g}"{anchor}>{_text(label.text)}{title}</text>'
    )


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("�", text))
