"""Pages of audiences: who is meant and how many, and the way files come in. Thin callers of the verbs."""
