"""An S3 on loopback that can fail: what a model store asks for (GET with Range and versionId, HEAD,
ListObjectsV2), what a registry writes (s3_writes.py), and faults that are switched on and off while
it runs.

Answers follow https://docs.aws.amazon.com/AmazonS3/latest/API/; signatures are checked where it is
told the keys.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Self
from xml.sax.saxutils import escape

from tests.servers.cutting_server import CuttingServer
from tests.servers.faults import Fault
from tests.servers.s3_writes import Item, Request, Upload, WriteHandler
from tests.servers.signature import find_defect, find_key


@dataclass
class S3Server:
    """The server and its buckets. A context manager; `stop` and `start` again keep the port."""

    page_size: int = 1000
    """Keys a page of a listing."""
    buckets: dict[str, dict[str, list[Item]]] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    """By key; LISTING for listings."""
    requests: list[Request] = field(default_factory=list)
    uploads: dict[str, Upload] = field(default_factory=dict)
    """Multipart uploads under way, by id."""
    watch: Callable[[Request, bool], None] | None = None
    """Called with each request before it is followed, and (True) before it is answered."""
    port: int = 0
    not_modified: int = 0
    """How often 304 answered a conditional GET."""
    hides_missing: bool = False
    """Answer 403 where an object is missing, as to those who may not list the whole bucket."""
    secrets: Mapping[str, str] | None = None
    """Access key -> secret key, of those that are valid now; None checks no signature."""

    def __post_init__(self) -> None:
        self.lock = Lock()
        self._server: _Server | None = None

    @property
    def endpoint(self) -> str:
        """The value for AWS_ENDPOINT_URL."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        if self._server is not None:
            return
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.store = self
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.cut_connections()
            self._server = None

    def put(
        self, bucket: str, key: str, body: bytes, metadata: dict[str, str] | None = None
    ) -> str:
        """Add a version of an object (and its bucket); gives the version's id."""
        with self.lock:
            versions = self.buckets.setdefault(bucket, {}).setdefault(key, [])
            item = Item(body, f"v{len(versions) + 1}", metadata or {})
            versions.append(item)
            return item.version_id

    def read(self, bucket: str, key: str) -> bytes:
        """The newest version of an object; KeyError where there is none."""
        return self.buckets[bucket][key][-1].body

    def put_folder(self, bucket: str, folder: Path) -> None:
        """Put every file below `folder` under its relative path."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(bucket, path.relative_to(folder).as_posix(), path.read_bytes())

    def count(self) -> Counter[tuple[str, str]]:
        """How often each (method, key) was asked for."""
        return Counter((request.method, request.key) for request in list(self.requests))

    def take_fault(self, key: str, method: str = "") -> Fault:
        """The fault that hits this request; an empty one where there is none."""
        with self.lock:
            fault = self.faults.get(key)
            if fault is None or fault.times == 0 or fault.method not in ("", method):
                return Fault()
            fault.times -= fault.times > 0
            return fault


class _Server(CuttingServer):
    store: S3Server


class _Handler(WriteHandler):
    server: _Server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        bucket, key, query = self.parse_path()
        store = self.server.store
        version = query.get("versionId", "")
        headers: Any = self.headers
        signer = find_key(headers)
        request = Request(self.command, bucket, key, headers.get("Range", ""), version, signer)
        fault = self.begin(request)
        if fault is None:
            return
        if store.secrets is not None and (refusal := self._check_signature(store.secrets, signer)):
            self.refuse(403, refusal)
        elif "uploads" in query:
            self.list_uploads(bucket, query)
        elif "uploadId" in query:
            self.list_parts(query)
        elif bucket not in store.buckets:
            self.refuse(404, "NoSuchBucket")
        elif key:
            self._send_object(store.buckets[bucket].get(key, []), version, fault)
        else:
            self._send_listing(bucket, query)

    def _check_signature(self, secrets: Mapping[str, str], signer: str) -> str:
        """S3's code of refusal, "" where there is none."""
        if signer not in secrets:
            return "ExpiredToken" if signer else "AccessDenied"
        headers: Any = self.headers
        defect = find_defect(self.command, self.path, headers, b"", "s3", secrets[signer])
        return "SignatureDoesNotMatch" if defect else ""

    def _send_object(self, versions: list[Item], version: str, fault: Fault) -> None:
        found = [item for item in versions if version in {"", item.version_id}]
        if not found:
            if self.server.store.hides_missing:
                self.refuse(403, "AccessDenied")
            else:
                self.refuse(404, "NoSuchVersion" if versions else "NoSuchKey")
            return
        item = found[-1]
        if self.headers.get("If-Match", item.etag) != item.etag:
            self.refuse(412, "PreconditionFailed")
            return
        if self.headers.get("If-None-Match") == item.etag:
            self.server.store.not_modified += 1
            self.send(304, b"", {"ETag": item.etag})
            return
        start, end = self._read_range(len(item.body))
        end -= fault.shorten if "Range" in self.headers else 0
        if start >= end and item.body:
            self.refuse(416, "InvalidRange")
            return
        headers = {"ETag": item.etag, "x-amz-version-id": item.version_id, "Accept-Ranges": "bytes"}
        headers |= {f"x-amz-meta-{name}": value for name, value in item.metadata.items()}
        if "Range" in self.headers:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(item.body)}"
        status = 206 if "Range" in self.headers else 200
        self.send(status, item.body[start:end], headers, cut_after=fault.cut_after)

    def _read_range(self, size: int) -> tuple[int, int]:
        """[start, end) that the Range header asks for, of `size` bytes."""
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        if not first:
            return max(0, size - int(last)), size
        return int(first), min(size, int(last) + 1) if last else size

    def _send_listing(self, bucket: str, query: dict[str, str]) -> None:
        store = self.server.store
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        with store.lock:
            objects = {key: versions[-1] for key, versions in store.buckets[bucket].items()}
        keys = sorted(key for key in objects if key.startswith(prefix))
        folders: list[str] = []
        if delimiter := query.get("delimiter"):
            below = [key.removeprefix(prefix).partition(delimiter) for key in keys]
            folders = sorted({f"{prefix}{name}{sign}" for name, sign, _ in below if sign})
            keys = [prefix + name for name, sign, _ in below if not sign]
        keys = [key for key in sorted(keys + folders) if key > after]
        page = keys[: min(store.page_size, int(query.get("max-keys", "1000")))]
        more = len(page) < len(keys)
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2025-01-01T00:00:00.000Z"
            f"</LastModified><ETag>{escape(objects[key].etag)}</ETag>"
            f"<Size>{len(objects[key].body)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for key in page
            if key not in folders
        )
        contents += "".join(
            f"<CommonPrefixes><Prefix>{escape(key)}</Prefix></CommonPrefixes>"
            for key in page
            if key in folders
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
            f"<MaxKeys>{store.page_size}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{token}{contents}</ListBucketResult>"
        )
        self.send(200, body.encode(), {"Content-Type": "application/xml"})
