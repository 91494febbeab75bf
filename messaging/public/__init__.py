"""What an anonymous visitor sees: facts about what was done, never about a person."""
