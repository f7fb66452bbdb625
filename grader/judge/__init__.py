"""Judge: runs a lab's checks over manifests and a recording. Touches no cluster and no network."""
