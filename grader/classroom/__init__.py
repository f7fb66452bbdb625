"""A whole class: what was handed in, played and judged, with a gradebook and pages to read."""
