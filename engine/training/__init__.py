"""The loop, its step, the metrics on their way, tasks and optimizers."""
