"""Bad input by the thousand: one module a reader, each a set of properties.

`make test` tries a few thousand cases, `make fuzz` at least a hundred thousand. What is drawn is mostly a good document
with a few things wrong in it: nothing else comes past the first line of a reader. What was found by it is pinned by
a test beside the others of that reader.
"""
