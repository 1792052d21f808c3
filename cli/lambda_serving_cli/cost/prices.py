"""AWS list prices, in USD, without tax, free tier and savings plans.

Prices differ between regions by some percent, and change: look at the pages before you count on it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

REGION = "us-east-1"
DATE = "2026-11-22"
"""When the prices were looked up, in copies of these pages that were up to half a year old."""

SOURCES = {
    "Lambda": "https://aws.amazon.com/lambda/pricing/",
    "API Gateway": "https://aws.amazon.com/api-gateway/pricing/",
    "CloudWatch": "https://aws.amazon.com/cloudwatch/pricing/",
    "S3": "https://aws.amazon.com/s3/pricing/",
    "EC2": "https://aws.amazon.com/ec2/pricing/on-demand/",
    "Fargate": "https://aws.amazon.com/fargate/pricing/",
    "Elastic Load Balancing": "https://aws.amazon.com/elasticloadbalancing/pricing/",
}

Tiers = tuple[tuple[float, float], ...]
"""Up to how much a month, and what each of it costs; the last one has no end."""

MILLION = 1_000_000
BILLION = 1_000_000_000
GIGABYTE = 2**30
TERABYTE = 2**40

HOURS = 730
"""Of a month."""

LAMBDA_REQUEST = 0.20 / MILLION

LAMBDA_GB_SECONDS: Mapping[str, Tiers] = {
    "x86_64": (
        (6 * BILLION, 0.0000166667),
        (15 * BILLION, 0.000015),
        (inf, 0.0000133334),
    ),
    "arm64": (
        (7.5 * BILLION, 0.0000133334),
        (18.75 * BILLION, 0.0000120001),
        (inf, 0.0000106667),
    ),
}
"""Cold starts included: INIT is billed as the rest since August 2025 (AWS Compute Blog, "AWS Lambda
standardizes billing for INIT Phase")."""

SNAPSTART_GB_SECOND = 0.0000015046
"""Of memory size, for each published version, three hours at least; on both processors."""

SNAPSTART_GB_RESTORED = 0.0001397998

HTTP_API: Tiers = ((300 * MILLION, 1.00 / MILLION), (inf, 0.90 / MILLION))
"""A request of up to 512 KB; a bigger one counts as several."""

LOG_BYTES: Tiers = (
    (10 * TERABYTE, 0.50 / GIGABYTE),
    (30 * TERABYTE, 0.25 / GIGABYTE),
    (50 * TERABYTE, 0.10 / GIGABYTE),
    (inf, 0.05 / GIGABYTE),
)
"""Taken in from Lambda, EMF records too; an HTTP API's access log costs the same."""

METRICS: Tiers = ((10_000, 0.30), (250_000, 0.10), (1_000_000, 0.05), (inf, 0.02))
"""A metric and month: each name with each set of dimensions, in the hours that it is recorded."""

S3_GET = 0.40 / MILLION


@dataclass(frozen=True)
class Server:
    """Something that is always on, and what an hour of it costs."""

    kind: str
    size: str
    architecture: str
    vcpus: int
    memory_gb: float
    hour: float

    @property
    def name(self) -> str:
        return f"{self.kind}{self.size}"


def _list_fargate(architecture: str, vcpu_hour: float, gigabyte_hour: float) -> Iterator[Server]:
    for vcpus, memory in ((1, 2), (1, 8), (2, 16)):
        hour = vcpus * vcpu_hour + memory * gigabyte_hour
        yield Server("Fargate ", f"{vcpus} vCPU, {memory} GB", architecture, vcpus, memory, hour)


SERVERS = (
    Server("EC2 c7i.", "large", "x86_64", 2, 4, 0.08925),
    Server("EC2 c7i.", "xlarge", "x86_64", 4, 8, 0.1785),
    Server("EC2 c7i.", "2xlarge", "x86_64", 8, 16, 0.357),
    Server("EC2 c7g.", "large", "arm64", 2, 4, 0.0725),
    Server("EC2 c7g.", "xlarge", "arm64", 4, 8, 0.145),
    Server("EC2 c7g.", "2xlarge", "arm64", 8, 16, 0.29),
    *_list_fargate("x86_64", 0.04048, 0.004445),
    *_list_fargate("arm64", 0.03238, 0.00356),
)
"""On demand, Linux; the smaller ones of a kind first. The largest holds the largest function."""

LOAD_BALANCER_HOUR = 0.0225
LOAD_BALANCER_UNIT_HOUR = 0.008
LOAD_BALANCER_REQUESTS = 25
"""New connections a second that one unit takes; one request each is the worst case."""
