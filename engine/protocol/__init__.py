"""What is told and asked while a run is on: events, control, states."""
