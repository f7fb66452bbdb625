"""Sealed sentences: each opens only to the answer that it is about.

A box holds a sentence and whether the answer is right. Its key is derived from the answer with a
slow hash (PBKDF2-HMAC-SHA256, salted for each question), its text is encrypted with a keystream
of HMAC-SHA256 over a counter, and it is authenticated (encrypt, then MAC). Boxes are found by a
value derived from the same key, so neither their names, nor their order, nor (being padded) their
lengths tell which is the right one.

What this protects against: reading an answer by accident or in passing, by a search in the course,
or in a released notebook. What it cannot protect against: trying. Whoever may run the quiz may
open every box by giving every answer, and `grader.quiz.author` does just that. A knowledge check
that runs on the learner's own machine cannot do better; grade it where you can see it if it counts.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

ITERATIONS = 200_000
"""About a tenth of a second for each answer."""

PADDED = 64
_TAG = 16
_NAME = 8


def seal(salt: str, answer: str, content: Any) -> tuple[str, str]:
    """The box's name and its sealed text, both in hex. `content` is anything that JSON can say."""
    key = _key(salt, answer)
    plain = json.dumps(content, ensure_ascii=False).encode()
    plain += b" " * (-len(plain) % PADDED)
    locked = _xor(plain, key)
    tag = _mac(key, b"tag" + locked)[:_TAG]
    return _name(key), (tag + locked).hex()


def unseal(salt: str, answer: str, boxes: dict[str, str]) -> Any:
    """What the box for this answer holds; None where there is no such box.

    Raises ValueError for a box that was tampered with.
    """
    key = _key(salt, answer)
    found = boxes.get(_name(key))
    if found is None:
        return None
    raw = bytes.fromhex(found)
    tag, locked = raw[:_TAG], raw[_TAG:]
    if not hmac.compare_digest(tag, _mac(key, b"tag" + locked)[:_TAG]):
        raise ValueError("a sealed answer is damaged")
    return json.loads(_xor(locked, key))


def _key(salt: str, answer: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", answer.encode(), bytes.fromhex(salt), ITERATIONS)


def _name(key: bytes) -> str:
    return _mac(key, b"name")[:_NAME].hex()


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _xor(data: bytes, key: bytes) -> bytes:
    stream = b"".join(
        _mac(key, b"stream" + count.to_bytes(4, "big")) for count in range(len(data) // 32 + 1)
    )
    return bytes(left ^ right for left, right in zip(data, stream, strict=False))
