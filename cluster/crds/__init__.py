"""Custom resource definitions of other projects (KEDA, VPA), as those publish them, pinned.

Nothing of theirs is in this repository: `fetch.ensure` brings the files once into the cache.
"""
