"""What callers may write and nobody may read, kept as digests."""

import asyncio

from argon2 import PasswordHasher

# Argon2id with what OWASP asks for at the least: 19 MiB, two passes.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


async def digest(text: str) -> str:
    """The Argon2id digest of a secret in the PHC string format; some 30 ms of work, done in a thread."""
    return await asyncio.to_thread(_hasher.hash, text)
