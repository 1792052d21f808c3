"""What the S3 on loopback (s3.py) does with writes: conditional PUT, multipart uploads, copies and
deletions. It checks the sha256 of what it gets where the client names it, as S3 does."""

import base64
import hashlib
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cached_property
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.servers.faults import LISTING, Fault

XML = {"Content-Type": "application/xml"}
META = "x-amz-meta-"


@dataclass(frozen=True)
class Request:
    """One request as it came; `key` is "" for a listing, `range` the header or ""."""

    method: str
    bucket: str
    key: str
    range: str = ""
    version_id: str = ""
    access_key: str = ""
    query: str = ""


@dataclass(frozen=True)
class Item:
    """One version of an object."""

    body: bytes
    version_id: str
    metadata: dict[str, str] = field(default_factory=dict)

    @cached_property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


@dataclass
class Upload:
    """A multipart upload under way."""

    key: str
    metadata: dict[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


class WriteHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Any

    def parse_path(self) -> tuple[str, str, dict[str, str]]:
        """Bucket, key, and the query."""
        url = urlsplit(self.path)
        query = parse_qs(url.query, keep_blank_values=True)
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        return bucket, key, {name: values[0] for name, values in query.items()}

    def begin(self, request: Request) -> Fault | None:
        """Note a request; what goes wrong with it, or None where it has been answered."""
        store = self.server.store
        store.requests.append(request)
        if store.watch:
            store.watch(request, False)
        fault: Fault = store.take_fault(request.key or LISTING, self.command)
        self._fault, self._request = fault, request
        time.sleep(fault.delay)
        if fault.status:
            self.refuse(fault.status, fault.code)
            return None
        if fault.hang_up:
            self.close_connection = True
            return None
        return fault

    def handle_expect_100(self) -> bool:
        """Botocore waits a second for this before it sends a body."""
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def do_PUT(self) -> None:
        self._write(self._put_part if "uploadId=" in self.path else self._put_object)

    def do_POST(self) -> None:
        actions = {"delete": self._delete, "uploads": self._begin_upload}
        found = [action for name, action in actions.items() if name in self.parse_path()[2]]
        self._write(found[0] if found else self._complete_upload)

    def _write(self, action: Any) -> None:
        bucket, key, query = self.parse_path()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, bucket, key, query=urlsplit(self.path).query)
        if self.begin(request) is None:
            return
        if bucket not in self.server.store.buckets:
            self.refuse(404, "NoSuchBucket")
            return
        wanted = self.headers.get("x-amz-checksum-sha256")
        if wanted and hashlib.sha256(body).digest() != base64.b64decode(wanted):
            self.refuse(400, "BadDigest")
            return
        action(bucket, key, query, body)

    def _put_object(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> None:
        store, source = self.server.store, self._read_source()
        with store.lock:
            now = store.buckets[bucket].get(key)
            etag = now[-1].etag if now else ""
        matches = {"If-Match": etag, "If-None-Match": "" if now else "*"}
        for name, value in matches.items():
            if self.headers.get(name, value) != value:
                missing = name == "If-Match" and not now
                self.refuse(*((404, "NoSuchKey") if missing else (412, "PreconditionFailed")))
                return
        store.put(bucket, key, body if source is None else source, self._read_metadata())
        etag = store.buckets[bucket][key][-1].etag
        result = f"<CopyObjectResult><ETag>{escape(etag)}</ETag></CopyObjectResult>"
        self.send(200, b"" if source is None else result.encode(), {"ETag": etag})

    def _put_part(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> None:
        upload, source = self.server.store.uploads.get(query["uploadId"]), self._read_source()
        if upload is None:
            self.refuse(404, "NoSuchUpload")
            return
        body = body if source is None else source
        upload.parts[int(query["partNumber"])] = body
        result = f"<CopyPartResult><ETag>{escape(_tag(body))}</ETag></CopyPartResult>"
        self.send(200, b"" if source is None else result.encode(), {"ETag": _tag(body)})

    def _begin_upload(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> None:
        name = uuid4().hex
        self.server.store.uploads[name] = Upload(key, self._read_metadata())
        text = f"<Key>{escape(key)}</Key><UploadId>{name}</UploadId>"
        self._send_xml("InitiateMultipartUploadResult", text)

    def _complete_upload(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> None:
        store = self.server.store
        upload = store.uploads.get(query["uploadId"])
        if upload is None:
            self.refuse(404, "NoSuchUpload")
            return
        numbers = [int(number) for number in _find_texts(body, "PartNumber")]
        tags = [_tag(upload.parts.get(number, b"?")) for number in numbers]
        if not numbers or tags != _find_texts(body, "ETag"):
            self.refuse(400, "InvalidPart")
            return
        store.put(bucket, key, b"".join(upload.parts[n] for n in numbers), upload.metadata)
        del store.uploads[query["uploadId"]]
        self._send_xml("CompleteMultipartUploadResult", f"<Key>{escape(key)}</Key>")

    def _delete(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> None:
        for found in _find_texts(body, "Key"):
            self.server.store.buckets[bucket].pop(found, None)
        self._send_xml("DeleteResult", "")

    def list_uploads(self, bucket: str, query: dict[str, str]) -> None:
        text = "".join(
            f"<Upload><Key>{escape(upload.key)}</Key><UploadId>{name}</UploadId></Upload>"
            for name, upload in self.server.store.uploads.items()
            if upload.key.startswith(query.get("prefix", ""))
        )
        self._send_xml("ListMultipartUploadsResult", f"<IsTruncated>false</IsTruncated>{text}")

    def list_parts(self, query: dict[str, str]) -> None:
        upload = self.server.store.uploads.get(query["uploadId"])
        if upload is None:
            self.refuse(404, "NoSuchUpload")
            return
        text = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(_tag(body))}</ETag>"
            f"<Size>{len(body)}</Size></Part>"
            for number, body in sorted(upload.parts.items())
        )
        self._send_xml("ListPartsResult", f"<IsTruncated>false</IsTruncated>{text}")

    def _read_source(self) -> bytes | None:
        """What a copy copies; KeyError (and a cut connection) where that is missing."""
        if "x-amz-copy-source" not in self.headers:
            return None
        bucket, _, key = unquote(self.headers["x-amz-copy-source"]).lstrip("/").partition("/")
        body: bytes = self.server.store.read(bucket, key)
        span = self.headers.get("x-amz-copy-source-range")
        if span is None:
            return body
        first, last = span.removeprefix("bytes=").split("-")
        return body[int(first) : int(last) + 1]

    def _read_metadata(self) -> dict[str, str]:
        names = [name for name in self.headers if name.lower().startswith(META)]
        return {name.lower().removeprefix(META): self.headers[name] for name in names}

    def refuse(self, status: int, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
        self.send(status, body.encode(), XML)

    def _send_xml(self, root: str, text: str) -> None:
        namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
        self.send(200, f'<{root} xmlns="{namespace}">{text}</{root}>'.encode(), XML)

    def send(self, status: int, body: bytes, headers: dict[str, str], cut_after: int = -1) -> None:
        if status < 300:
            if self.server.store.watch:
                self.server.store.watch(self._request, True)
            if self._fault.lose_answer:
                self.close_connection = True
                return
        self.send_response_only(status)
        headers = {"Last-Modified": formatdate(0, usegmt=True)} | headers
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if cut_after >= 0:
            self.close_connection = True
            body = body[:cut_after]
        step = self._fault.step if self._fault.rate else len(body) or 1
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            time.sleep(step / self._fault.rate if self._fault.rate else 0)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet: `requests` holds what came."""


def _tag(body: bytes) -> str:
    return Item(body, "").etag


def _find_texts(body: bytes, tag: str) -> list[str]:
    """The texts of all elements of that name."""
    found = ElementTree.fromstring(body).iter()
    return [element.text or "" for element in found if element.tag.rpartition("}")[2] == tag]
