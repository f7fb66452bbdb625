"""A kubelet for simulated nodes: real Pod statuses and events, no containers."""
