"""What needs packages that the program itself does not: `make test-clients` installs them and runs this."""
