"""The words in which checks ask manifests and recordings."""
