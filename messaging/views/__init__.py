"""Pages of messaging, a module for each kind of page."""
