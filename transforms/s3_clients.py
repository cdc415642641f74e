"""Mends two habits of Beam's filesystem for S3 (2.77), by way of the boto3 session that it makes.

It makes a session and a client for every single call, which costs 110 ms of CPU, a new connection, and a question to
the machine's metadata service for credentials where they come from there; here a process has one client. And it cannot
write an empty object, since S3 wants at least one part of a multipart upload; here that gets an empty one.
"""

from functools import cache
from types import SimpleNamespace
from typing import Any

from apache_beam.io.aws.clients.s3 import boto3_client

boto3: Any = boto3_client.boto3  # None without the extra "aws"


def share_clients() -> None:
    """Makes all files on S3 that this process opens from now on share a client, which is safe among threads."""
    if boto3 is not None:
        session = SimpleNamespace(Session=lambda: SimpleNamespace(client=_client))
        boto3_client.boto3 = SimpleNamespace(session=session)


@cache
def _client(**options: Any) -> Any:
    client = boto3.session.Session().client(**options)

    def give_a_part(params: dict[str, Any], **_: Any) -> None:
        if not params["MultipartUpload"]["Parts"]:
            target = {name: params[name] for name in ("Bucket", "Key", "UploadId")}
            etag = client.upload_part(**target, PartNumber=1, Body=b"")["ETag"]
            params["MultipartUpload"] = {"Parts": [{"ETag": etag, "PartNumber": 1}]}

    # https://docs.aws.amazon.com/boto3 (guide "Extensibility"): handlers may change the parameters of a call
    client.meta.events.register("provide-client-params.s3.CompleteMultipartUpload", give_a_part)
    return client
