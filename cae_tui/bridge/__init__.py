"""Between the screens and the engine: what trains, what reads, and plain values for what is drawn."""
