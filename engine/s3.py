"""Corrects three faults of Beam's filesystem for S3 (2.77), in its module that calls boto3, before the first use.

The filesystem makes a session and a client for every single call (io/aws/s3filesystem.py:132, 148, 200, … and
io/aws/clients/s3/boto3_client.py:65), which costs 110 ms of CPU, a new connection, and a question to the machine's
metadata service for credentials where they come from there: here a process has one client. It cannot write an empty
object, since S3 wants at least one part of a multipart upload (boto3_client.py:252): here that gets an empty one. And
it tries most calls again for hours, those without credentials or to a wrong address too (io/aws/s3io.py:183, 279, 372,
492, 569), but uploads and copies not at all: here boto3 alone tries again, for about a minute, and every call.

Beam has no setting for any of it, and refuses a second filesystem for s3:// (io/filesystems.py, get_filesystem); so a
module of Beam's is patched, in processes that use S3 alone.
"""

import os
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from apache_beam.io.aws.clients.s3 import boto3_client

from mlukit.engine.errors import RefusedError

_ATTEMPTS = 10  # the waits between them are random, 1, 2, 4, 8, 16, 20, 20, … seconds at most
_NOT_AGAIN = 499  # Beam tries again after 500 and more, and where there is no status
_boto3: Any = boto3_client.boto3  # None without the extra "aws"
_status_of: Any = boto3_client.get_http_error_code


@cache
def share_clients() -> None:
    """Makes all files on S3 that this process opens from now on share a client, which is safe among threads."""
    if _boto3 is not None:
        session = SimpleNamespace(Session=lambda: SimpleNamespace(client=_client))
        boto3_client.boto3 = SimpleNamespace(session=session)
        boto3_client.get_http_error_code = lambda error: min(_status_of(error) or _NOT_AGAIN, _NOT_AGAIN)


@cache
def _client(**options: Any) -> Any:
    retry_settings = {"AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"} & os.environ.keys()
    retries = None if retry_settings else {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    config = import_module("botocore.config").Config(retries=retries)  # comes with boto3
    session = _boto3.session.Session()
    if not options.get("aws_access_key_id") and session.get_credentials() is None:
        raise RefusedError(
            "there are no credentials for s3://: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, write them to "
            "~/.aws/credentials, or give --s3_access_key_id and --s3_secret_access_key"
        )
    client = session.client(**options, config=config)

    def give_a_part(params: dict[str, Any], **_: Any) -> None:
        if not params["MultipartUpload"]["Parts"]:
            target = {name: params[name] for name in ("Bucket", "Key", "UploadId")}
            etag = client.upload_part(**target, PartNumber=1, Body=b"")["ETag"]
            params["MultipartUpload"] = {"Parts": [{"ETag": etag, "PartNumber": 1}]}

    # boto3's guide, "Extensibility": handlers may change the parameters of a call
    client.meta.events.register("provide-client-params.s3.CompleteMultipartUpload", give_a_part)
    return client
