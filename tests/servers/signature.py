"""Check a Signature Version 4, independently of botocore, which the runtime signs with.

After https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit

SCHEME = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)"
    r"/(?P<service>[^/]+)/aws4_request, SignedHeaders=(?P<headers>[^,]+), "
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


def find_key(headers: Mapping[str, str]) -> str:
    """The access key that a request is signed with; "" without a signature."""
    scheme = SCHEME.fullmatch(headers.get("Authorization") or "")
    return scheme["key"] if scheme else ""


def find_defect(
    method: str, url: str, headers: Mapping[str, str], body: bytes, service: str, secret: str
) -> str:
    """Why the service would refuse this request's signature; "" where it would not.

    `headers` finds a header whatever its case; `url` is the path with its query.
    """
    scheme = SCHEME.fullmatch(headers.get("Authorization") or "")
    if scheme is None:
        return "no signature of version 4"
    if scheme["service"] != service:
        return f"signed for {scheme['service']}"
    parts = urlsplit(url)
    query = sorted((quote(k, "-_.~"), quote(v, "-_.~")) for k, v in parse_qsl(parts.query))
    names = scheme["headers"].split(";")
    canonical = [
        method,
        quote(parts.path, "/-_.~"),
        "&".join(f"{name}={value}" for name, value in query),
        *(f"{name}:{' '.join((headers.get(name) or '').split())}" for name in names),
        "",
        scheme["headers"],
        # S3's clients say it; over TLS they may say that they leave it out.
        headers.get("x-amz-content-sha256") or hashlib.sha256(body).hexdigest(),
    ]
    scope = f"{scheme['date']}/{scheme['region']}/{service}/aws4_request"
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{headers.get('X-Amz-Date')}\n{scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in (scheme["date"], scheme["region"], service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    expected = hmac.digest(key, text.encode(), "sha256").hex()
    return "" if hmac.compare_digest(expected, scheme["signature"]) else "the signature differs"
