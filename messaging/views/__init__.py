"""Pages of messaging, a module for each kind of page; adding, counting, dossier, order_rows and sheet hold what pages show."""
