"""One outside system per module, the only place that imports it."""
