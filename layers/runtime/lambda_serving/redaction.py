"""Removes secrets from texts.

Answers must not contain paths, buckets, credentials or signatures. Logs must not contain
credentials or signatures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_known: tuple[str, ...] = ()

_NAME = r"[^\s'\",;)<>]"
"""What a path or an address goes on with, inside a sentence."""

_PLACES = (
    # Buckets: S3's scheme, its ARNs; and AWS's hosts, with the bucket in the host or in the path.
    rf"\bs3[an]?://{_NAME}+|\barn:aws[\w-]*:s3:{_NAME}+"
    rf"|(?:https?://)?(?<![\w.-])[\w.-]+\.amazonaws\.com{_NAME}*"
    # Folders of a function, EFS among them, and of a machine where it runs without Lambda.
    r"|(?:\bfile://)?/(?:opt|var|tmp|home|root|usr|workspace|mnt|proc|etc|dev|Users)/"
    r"[^\s'\",:;)<>]*"
)
"""Compiled at the first error: a cold start without one does not wait for it."""

_SIGNS = r"(?:\\?[\"'])?\s*(?:[:=>,]|%3D)\s*(?:\\?[\"'])?"
"""Between a name and its value: in a header, in JSON (escaped or not), in a query, in XML."""

_SECRETS = re.compile(
    rf"((?i:X-Amz-(?:Signature|Security-Token|Credential)){_SIGNS})[^&\s\"'\\<>,;)]+"
    # The signature in a header or in S3's answer to a wrong one.
    r"|(\bSignature(?:=|Provided>))[A-Za-z0-9+/=%]{20,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    # Session tokens, by how they begin.
    r"|\b(?:IQoJ|FwoG)[A-Za-z0-9+/=%]{80,}"
)


def redact(text: str) -> str:
    """A message for the caller: no stack of a native library, no path, no bucket, no secret."""
    return redact_secrets(re.sub(_PLACES, "…", text.partition("\nStack trace:")[0]))


LONGEST = 4000
"""Characters of an error's text, of a name or of a header, in an answer and in the log."""


def shorten(text: str, most: int = LONGEST) -> str:
    """``text``; where it is longer than ``most``, its beginning and how much is left out.

    No part of a secret stays at the cut: the longest, a session token, has some 2,000 characters.
    """
    if len(text) <= most:
        return text
    mark = f"… ({len(text)} characters in all)"
    head = redact_secrets(text[: most + LONGEST])
    if len(text) > most + LONGEST:
        head = head[:-LONGEST]
    return head[: most - len(mark)] + mark


def hide(secrets: Iterable[str], keep: bool = False) -> None:
    """Make secrets known: these, and those that were before if ``keep``."""
    global _known
    _known = (*(_known if keep else ()), *secrets)


def redact_secrets(text: str) -> str:
    """``text`` without AWS credentials and signatures, and without the secrets that are known."""
    for secret in _known:
        text = text.replace(secret, "…")
    return _SECRETS.sub(lambda match: f"{match[1] or match[2] or ''}…", text)
