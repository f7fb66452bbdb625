"""The definitions that a lab may ask for, their versions and the digest of each file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CrdSetName = Literal["keda", "vpa"]
"""What `crds` in lab.yaml may name."""


@dataclass(frozen=True)
class CrdFile:
    """One file: its path within the project's Go module, and the SHA-256 that it must have."""

    path: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class CrdSet:
    """The definitions of one project.

    They come from the project's release on GitHub, `raw` being the address of the folder that the
    paths are in; or, where that cannot be reached, out of its Go module, which is made from the
    same release and holds the same bytes.
    """

    name: CrdSetName
    title: str
    version: str
    module: str
    raw: str
    files: tuple[CrdFile, ...]

    @property
    def installed_by(self) -> str:
        """How a person puts them on a cluster of their own."""
        return " && ".join(
            f"kubectl apply --server-side -f {self.raw}/{f.path}" for f in self.files
        )


_BASES = "config/crd/bases"

CRD_SETS: dict[CrdSetName, CrdSet] = {
    crds.name: crds
    for crds in (
        CrdSet(
            "keda",
            "KEDA",
            "2.21.0",
            "github.com/kedacore/keda/v2",
            "https://raw.githubusercontent.com/kedacore/keda/v2.21.0",
            # ScaledJob is left out: its definition is thirty times as large, and no lab has one.
            (
                CrdFile(
                    f"{_BASES}/keda.sh_scaledobjects.yaml",
                    "af35555862a83933b074af14ad439c4b4ceabaf4daa3e9338e9b23e36d308d80",
                ),
                CrdFile(
                    f"{_BASES}/keda.sh_triggerauthentications.yaml",
                    "ed59ab37b2fa9a18119484a3dbd849b0b18ed25e1aea91d9f1305d4da2215bd8",
                ),
            ),
        ),
        CrdSet(
            "vpa",
            "the Vertical Pod Autoscaler",
            "1.8.1",
            "k8s.io/autoscaler/vertical-pod-autoscaler",
            "https://raw.githubusercontent.com/kubernetes/autoscaler/refs/tags"
            "/vertical-pod-autoscaler/v1.8.1/vertical-pod-autoscaler",
            (
                CrdFile(
                    "deploy/vpa-v1-crd-gen.yaml",
                    "2916e9b8e0699375ed8eca8af81e00c5a8cf9d68a70b4796e24d43794838d623",
                ),
            ),
        ),
    )
}
"""Every set by its name."""
