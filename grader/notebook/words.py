"""How a notebook says what is real and what is simulated."""

from __future__ import annotations

from cluster.model import Capabilities


def simulated_words(capabilities: Capabilities) -> str:
    """One sentence on what is simulated, or an empty one where all is real."""
    names = ("control_plane", "kubelet", "containers")
    simulated = [n.replace("_", " ") for n in names if getattr(capabilities, n) == "simulated"]
    if not simulated:
        return ""
    real = [n.replace("_", " ") for n in names if getattr(capabilities, n) == "real"]
    words = f"Real: {', '.join(real) or 'nothing'}. Simulated: {', '.join(simulated)}"
    speed = 1 / capabilities.time_factor if capabilities.time_factor else 1
    if speed == 1:
        return f"{words}."
    return f"{words}, {speed:.0f} times faster than life: a second here is {speed:.0f} s for a Pod."


def label(capabilities: Capabilities) -> str:
    """Two or three words for a tag."""
    if "simulated" in (capabilities.kubelet, capabilities.containers):
        return "simulated containers"
    return "real containers" if capabilities.containers == "real" else "control plane only"
