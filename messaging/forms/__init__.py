"""What people type into messaging's pages, read strictly; what is allowed is judged by the verbs. Named as their pages are."""
