"""Storage of an embedded cluster: a default class, volumes made beforehand, and a provisioner."""
