"""Corrects three faults of Beam's filesystem for S3 (2.77), by a patch of Beam's module that calls boto3.

1. The filesystem creates a session and a client for every call (io/aws/s3filesystem.py:132, 148, 200, … and
   io/aws/clients/s3/boto3_client.py:65). A call then costs 110 ms of CPU, a new connection, and possibly a request for
   credentials to the metadata service of the machine. Correction: each process has one client.
2. The filesystem cannot write an empty object, because S3 requires at least one part in a multipart upload
   (boto3_client.py:252). Correction: an upload without parts gets one empty part.
3. The filesystem retries most calls for hours, even without credentials or with a wrong address (io/aws/s3io.py:183,
   279, 372, 492, 569), but it never retries uploads and copies. Correction: only boto3 retries, every call, for about
   a minute.

Beam has no settings for this, and refuses a second filesystem for s3:// (io/filesystems.py, get_filesystem). The patch
is applied before the first use, and only in processes that use S3.
"""

import os
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from apache_beam.io.aws.clients.s3 import boto3_client

from mlukit.engine.errors import RefusedError

_ATTEMPTS = 10  # with random waits between them, of at most 1, 2, 4, 8, 16, 20, 20, … seconds
_NOT_AGAIN = 499  # Beam retries after a status of 500 or more, and after an error without a status
_boto3: Any = boto3_client.boto3  # None if the extra "aws" is not installed
_status_of: Any = boto3_client.get_http_error_code


@cache
def share_clients() -> None:
    """Makes this process use one client for all files on S3 from now on; threads may share the client."""
    if _boto3 is not None:
        session = SimpleNamespace(Session=lambda: SimpleNamespace(client=_client))
        boto3_client.boto3 = SimpleNamespace(session=session)
        boto3_client.get_http_error_code = lambda error: min(_status_of(error) or _NOT_AGAIN, _NOT_AGAIN)


@cache
def _client(**options: Any) -> Any:
    """Creates the client for S3, once per process and options, with the corrections of uploads and retries."""
    retry_settings = {"AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"} & os.environ.keys()
    retries = None if retry_settings else {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    config = import_module("botocore.config").Config(retries=retries)  # boto3 depends on botocore
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
