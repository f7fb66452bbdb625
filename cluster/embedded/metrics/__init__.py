"""Load on Services and queues, and the metrics APIs of an embedded cluster, answered from it."""
