"""Reading: manifests loaded and checked against the Kubernetes schemas, a second, on one core."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from grader.load import load_submission

BUDGET = 1000
SUBMISSIONS = 150
ROUNDS = 5

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: sentiment-inference
  namespace: ml-serving
  labels:
    app: sentiment-inference
spec:
  replicas: 3
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels:
      app: sentiment-inference
  template:
    metadata:
      labels:
        app: sentiment-inference
    spec:
      containers:
        - name: model-server
          image: registry.example.com/sentiment-inference:v2.1.0
          ports:
            - name: http
              containerPort: 8000
          resources:
            requests:
              cpu: 500m
              memory: 1Gi
            limits:
              cpu: "1"
              memory: 2Gi
          readinessProbe:
            httpGet:
              path: /ready
              port: 8000
            initialDelaySeconds: 20
            periodSeconds: 5
            failureThreshold: 6
          livenessProbe:
            httpGet:
              path: /live
              port: 8000
            initialDelaySeconds: 60
            periodSeconds: 20
            failureThreshold: 3
"""

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: sentiment-inference
  namespace: ml-serving
spec:
  selector:
    app: sentiment-inference
  ports:
    - name: http
      port: 80
      targetPort: 8000
"""

NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: ml-serving
"""

CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: model-config
  namespace: ml-serving
data:
  default.conf: |
    server {
      listen 8000;
      location /ready { return 200; }
      location /live { return 200; }
    }
"""

MANIFESTS = (NAMESPACE, CONFIG, DEPLOYMENT, SERVICE)


def _rate(folder: Path, manifests: int) -> float:
    """Manifests a second of this process's own time over many loads of one submission."""
    load_submission(folder, namespaces=["ml-serving"])
    rates: list[float] = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        for _ in range(SUBMISSIONS):
            submission = load_submission(folder, namespaces=["ml-serving"])
            if submission.problems or len(submission.manifests) != manifests:
                raise RuntimeError("the benchmark's own manifests are not right")
        rates.append(SUBMISSIONS * manifests / (time.process_time() - begin))
    return statistics.median(rates)


def run() -> list[tuple[str, str, str]]:
    """Rows of (what, budget, measured)."""
    with tempfile.TemporaryDirectory() as name:
        mixed = Path(name) / "mixed"
        mixed.mkdir()
        (mixed / "all.yaml").write_text("---\n".join(MANIFESTS), encoding="utf-8")
        large = Path(name) / "large"
        large.mkdir()
        (large / "deployment.yaml").write_text(DEPLOYMENT, encoding="utf-8")
        budget = f"over {BUDGET} a second on a core"
        return [
            (
                "manifests loaded and schema-checked (Namespace, ConfigMap, Deployment, Service)",
                budget,
                f"{_rate(mixed, len(MANIFESTS)):,.0f} a second",
            ),
            (
                "the same, Deployments only, each in a file of its own",
                budget,
                f"{_rate(large, 1):,.0f} a second",
            ),
        ]


if __name__ == "__main__":
    for row in run():
        print(" | ".join(row))
