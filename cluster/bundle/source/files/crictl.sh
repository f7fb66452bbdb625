#!/bin/sh
# The one question that kind asks crictl: is this image here, and what is its id?
set -eu
[ "${1-}" = inspecti ] || { echo "this node image knows only: crictl inspecti IMAGE" >&2; exit 2; }
digest=$(ctr -n k8s.io images ls | awk -v name="$2" '$1 == name || $1 == "docker.io/library/" name || $1 == "docker.io/" name {print $3; exit}')
[ -n "$digest" ] || { echo "no such image: $2" >&2; exit 1; }
printf '{"status":{"id":"%s","repoTags":["%s"]}}\n' "$digest" "$2"
