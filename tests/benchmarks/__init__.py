"""What `manage.py bench` measures: a module a bench, each with measure(contacts, sightings, rounds) → what is printed."""
