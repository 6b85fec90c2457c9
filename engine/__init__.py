"""The PyTorch engine of cae-tui: specs in, events and run directories out. It draws nothing."""

__version__ = "0.2.0"
