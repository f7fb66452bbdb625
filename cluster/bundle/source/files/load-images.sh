#!/bin/sh
# Gives the container runtime of this node the images that the node image brings along.
# Workers need only those in common/; the control plane needs all.
set -eu
folders=/kind/images/common
case "$(hostname)" in *-control-plane*) folders="$folders /kind/images/control-plane" ;; esac
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  ctr -n k8s.io version > /dev/null 2>&1 && break
  sleep 0.5
done
for folder in $folders; do
  for archive in "$folder"/*.tar; do
    ctr -n k8s.io images import --local --digests=false "$archive"
  done
done
touch /kind/images/loaded
