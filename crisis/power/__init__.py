"""Who has power over the console, and how it changes hands: the help page of rights, and changes that take two persons."""
