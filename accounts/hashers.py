"""The password hash: Argon2id with the operator's parameters."""

from django.contrib.auth.hashers import Argon2PasswordHasher

from accounts import conf


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id, m=19456 KiB, t=2, p=1 unless set otherwise (OWASP Password Storage Cheat Sheet).

    Django's own parameters take five times as long and five times the memory for every sign-in.
    """

    @property
    def memory_cost(self) -> int:  # type: ignore[override]
        return conf.argon2_memory_kib()

    @property
    def time_cost(self) -> int:  # type: ignore[override]
        return conf.argon2_time_cost()

    @property
    def parallelism(self) -> int:  # type: ignore[override]
        return conf.argon2_parallelism()
