"""What can be asked for: the fields, one spec a kind of run, and the sentence for each wrong value."""
