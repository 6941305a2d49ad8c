"""What every test stands on."""

import os

# Cheap hashes: the tests are about what is hashed and when, not about how long it takes.
os.environ.setdefault("ARGON2_MEMORY_KIB", "8")
os.environ.setdefault("ARGON2_TIME_COST", "1")
