"""Colours and strokes of a picture, for light and dark surroundings.

Hue tells the version, texture the state: solid is ready, hatched is starting, hollow is
terminating; red is kept for trouble. Text has a contrast of at least 4.5 on its ground in both
themes (tested).
"""

from __future__ import annotations

VERSIONS = 6

LIGHT = {
    "card": "#ffffff",
    "edge": "#d5dce5",
    "ink": "#16202e",
    "muted": "#566273",
    "grid": "#e9edf2",
    "band": "#f4f6f9",
    "line": "#b9c3cf",
    "on": "#ffffff",
    "bad": "#c21d1d",
    "warn": "#a85b00",
    "v0": "#0f766e",
    "v1": "#2563eb",
    "v2": "#8b2fd6",
    "v3": "#a8480a",
    "v4": "#be185d",
    "v5": "#4a7310",
}
DARK = {
    "card": "#0f1722", "edge": "#2b3849", "ink": "#e8edf4", "muted": "#9eabbc", "grid": "#1d2836",
    "band": "#141e2b", "line": "#475669", "on": "#08111c", "bad": "#ff7b72", "warn": "#f0a742",
    "v0": "#35c9b4", "v1": "#79a8ff", "v2": "#c99bff", "v3": "#f2a866", "v4": "#ff90bf",
    "v5": "#a5d262",
}  # fmt: skip

_SANS = "ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"
_MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"

_RULES = """
& text{font-family:%(sans)s;fill:var(--ink)}
& text.mono{font-family:%(mono)s}
& .card{fill:var(--card);stroke:var(--edge)}
& .title{font-weight:650}
& .strong,& .step{font-weight:600}
& text.muted{fill:var(--muted)}
& text.on{fill:var(--on);font-weight:600}
& text.dip{font-weight:700;paint-order:stroke;stroke:var(--card);stroke-width:3px}
& text.step{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
& text.why{fill:var(--bad);font-weight:600;paint-order:stroke;stroke:var(--card);stroke-width:4px}
& text.aim{fill:var(--warn);font-weight:600}
& .line{stroke:var(--v1);stroke-width:1.8}
& .line.faint{stroke-width:1;stroke-opacity:.45}
& .band.b0{fill:var(--band)}& .band.b1{fill:none}
& path{fill:none}
& .step-line{stroke:var(--line)}
& .grid{stroke:var(--grid)}& .base{stroke:var(--edge)}& .axis{stroke:var(--line)}
& .wanted{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:4 3}
& .short{fill:var(--bad);fill-opacity:.13}
& .target{stroke:var(--warn);stroke-width:1.3;stroke-dasharray:2 3}
& .ending{stroke:var(--bad);stroke-width:2}
& .mark{stroke:var(--card);stroke-width:1.2;paint-order:stroke}
& .halo{stroke:var(--card);stroke-width:2.4}
& .halo.trouble{stroke-width:5;stroke-linecap:round}
& .mark.trouble{stroke:var(--bad);stroke-width:2.2;stroke-linecap:round}
& .mark.stop{fill:var(--ink)}
& .mark.wait{fill:var(--card);stroke:var(--warn);stroke-width:1.6}
& .mark.miss{fill:var(--card);stroke:var(--muted);stroke-width:1.4}
& .mark.scale{fill:var(--ink)}
& .bar.waiting{fill:none;stroke:var(--muted);stroke-dasharray:3 2}
& .bar.unready{fill:url(#%(mark)s-warn);stroke:var(--warn)}
& .bar.failing{fill:url(#%(mark)s-bad);stroke:var(--bad)}
& .bar.failed{fill:var(--bad)}
& .gap{fill:url(#%(mark)s-blind)}
& .badge{fill:none;stroke:var(--line)}& .badge-text{font-weight:600}
& .badge-dot.simulated{fill:none;stroke:var(--warn);stroke-width:1.6}
& .badge-dot.real{fill:var(--v0)}
& .fault{fill:none;stroke:var(--bad)}& text.fault-text{fill:var(--bad);font-weight:600}
& .hatch .ground{fill:var(--card)}& .hatch .stroke{fill:none;stroke-width:1.6}
& .hatch.bad .stroke{stroke:var(--bad)}& .hatch.warn .stroke{stroke:var(--warn)}
& .hatch.blind .stroke{stroke:var(--line)}
"""

_VERSION_RULES = """
& .bar.ready.v%(n)d{fill:var(--v%(n)d)}
& .stack.v%(n)d,& .area.v%(n)d{fill:var(--v%(n)d)}
& .bar.starting.v%(n)d{fill:url(#%(mark)s-v%(n)d);stroke:var(--v%(n)d);stroke-width:.8}
& .bar.terminating.v%(n)d{fill:var(--card);stroke:var(--v%(n)d);stroke-width:1.2}
& .bar.succeeded.v%(n)d{fill:var(--v%(n)d)}
& .hatch.v%(n)d .stroke{stroke:var(--v%(n)d)}
"""


def style(mark: str) -> str:
    """The style sheet of one picture; every rule is confined to the class `mark`.

    JupyterLab's dark theme is not that of the system, so it has a rule of its own.
    """
    rules = _RULES % {"sans": _SANS, "mono": _MONO, "mark": mark}
    rules += "".join(_VERSION_RULES % {"n": n, "mark": mark} for n in range(VERSIONS))
    rules += "& .stack{fill-opacity:.82}& .area{fill-opacity:.14}"
    own = f".{mark}"
    dark = _variables(DARK)
    return (
        f"{own}{{{_variables(LIGHT)}}}"
        f"@media(prefers-color-scheme:dark){{{own}{{{dark}}}}}"
        f'[data-jp-theme-light="true"] {own}{{{_variables(LIGHT)}}}'
        f'[data-jp-theme-light="false"] {own}{{{dark}}}' + rules.replace("& ", f"{own} ")
    )


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())
