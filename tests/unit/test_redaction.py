"""What must never be in a log line or in an answer."""

import pytest

from lambda_serving.redaction import hide, redact, redact_secrets, shorten
from lambda_serving.telemetry.logs import LONGEST_TEXT, shorten_lines

KEY = "ASIA" + "A1B2C3D4E5F6G7H8"
TOKEN = "IQoJ" + "b3JpZ2luX2VjE" * 10


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {KEY}.", "key …."),
        (f"<Token-0>{TOKEN}</Token-0>", "<Token-0>…</Token-0>"),
        (
            f"https://b.s3/k?X-Amz-Credential={KEY}%2F2026&X-Amz-Expires=60&X-Amz-Signature=0a1b",
            "https://b.s3/k?X-Amz-Credential=…&X-Amz-Expires=60&X-Amz-Signature=…",
        ),
        ("x-amz-security-token:short\nhost:b", "x-amz-security-token:…\nhost:b"),
        ('{"X-Amz-Security-Token": "short"}', '{"X-Amz-Security-Token": "…"}'),
        (r"{\"X-Amz-Security-Token\": \"short\"}", r"{\"X-Amz-Security-Token\": \"…\"}"),
        ("[('X-Amz-Security-Token', 'short')]", "[('X-Amz-Security-Token', '…')]"),
        (f"SignedHeaders=host, Signature={'0a' * 32}", "SignedHeaders=host, Signature=…"),
        (
            "<SignatureProvided>AbCdEfGhIjKlMnOpQrStUvWxYz0=</SignatureProvided>",
            "<SignatureProvided>…</SignatureProvided>",
        ),
    ],
)
def test_secrets_go(text: str, shown: str) -> None:
    assert redact_secrets(text) == shown
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "signature: expected (x, y), got (x)",
        "the Signature is missing",
        f"sha256 {'0a' * 32}",
        "ASIA is a continent",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert redact_secrets(text) == text


def test_known_secrets_go() -> None:
    hide(["hush%2F", "hush"])
    assert redact_secrets("a hush b hush%2F") == redact("a hush b hush%2F") == "a … b …"
    hide([])
    assert redact_secrets("a hush b hush%2F") == "a hush b hush%2F"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot read s3://my-bucket/a.onnx.", "cannot read …"),
        ("no 's3a://my-bucket/set/', no", "no '…', no"),
        ("(s3://my-bucket)", "(…)"),
        ("denied: arn:aws:s3:::my-bucket/a.onnx", "denied: …"),
        ("denied: arn:aws-cn:s3:::my-bucket is", "denied: … is"),
        ("arn:aws:s3:eu-west-1:123456789012:accesspoint/my-point", "…"),
        ("GET https://my-bucket.s3.eu-west-1.amazonaws.com/a?b=c failed", "GET … failed"),
        ("GET https://my.bucket.s3.amazonaws.com failed", "GET … failed"),
        ("GET https://s3.eu-west-1.amazonaws.com/my-bucket/a failed", "GET … failed"),
        ("GET http://s3-eu-west-1.amazonaws.com/my-bucket failed", "GET … failed"),
        ("host my-bucket.s3.dualstack.cn-north-1.amazonaws.com.cn:443", "host …"),
        ("no /mnt/efs/models/a.onnx, no", "no …, no"),
        ("file:///mnt/efs/a: missing", "…: missing"),
        ("open('/etc/passwd')", "open('…')"),
    ],
)
def test_places_go_from_answers(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "expected a number of m/s, got km/h",
        "see https://docs.aws.amazon.com/AmazonS3/latest/",
        "arn:aws:sns:eu-west-1:123456789012:topic",
        "the s3 of three, 1/2 and and/or",
    ],
)
def test_other_addresses_stay(text: str) -> None:
    assert redact(text) == text


def test_paths_and_native_stacks_go() -> None:
    assert redact("cannot read /var/task/x.py\nStack trace: 0x1") == "cannot read …"


def test_a_cut_traceback_leaves_no_part_of_a_secret() -> None:
    secret = "s3cr3t-" * 200
    hide([secret])
    try:
        for after in range(14_000, 17_000, 100):
            text = "x\n" * 20_000 + f"key {secret}\n" + "y\n" * (after // 2)
            short = shorten_lines(text)
            assert len(short) <= LONGEST_TEXT + 1
            assert "s3cr3t-s3cr3t-" not in redact_secrets(short)
            assert short.count("characters in all)") == 1
            assert f"({len(text)} characters in all)" in short
    finally:
        hide([])


def test_a_cut_leaves_no_part_of_a_secret() -> None:
    secret = "s3cr3t-" * 200
    hide([secret])
    try:
        for before in range(0, 9000, 500):
            short = shorten("x" * before + secret + "y" * 9000)
            assert len(short) <= 4000
            assert "s3cr3t-s3cr3t-" not in short
            assert short.endswith(f"({before + 1400 + 9000} characters in all)")
            assert shorten(short) == short
    finally:
        hide([])
