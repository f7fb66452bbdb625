"""Reads a submission's files into manifests: bounded, strict, each field with its place.

    from grader.load import load_submission
    submission = load_submission(Path("work/14-local-inference-mock"), namespaces=["ml-k8s-lab"])

Importing this package is cheap; the schemas are read when the first object is checked.
"""

from grader.load.submission import digest, from_sources, load_submission

__all__ = ["digest", "from_sources", "load_submission"]
