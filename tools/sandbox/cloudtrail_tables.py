"""Lets the emulator's Athena read CloudTrail's files, and act with the caller's permissions.

ministack runs the SQL in DuckDB. It has no reader for CloudTrail's files, reads no partition from a
``storage.location.template``, and lets whoever may start a query read everything.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlparse

import msgspec

_NAMES: Final = (
    "accessKeyId accountId additionalEventData apiVersion awsRegion cipherSuite "
    "clientProvidedHostHeader creationDate ec2RoleDelivery edgeDeviceDetails errorCode "
    "errorMessage eventCategory eventID eventName eventSource eventTime eventType eventVersion "
    "federatedProvider identityStoreArn invokedBy mfaAuthenticated onBehalfOf originalEventID "
    "originalRequestID principalId readOnly recipientAccountId requestID requestParameters "
    "responseElements serviceEventDetails sessionContext sessionCredentialFromConsole "
    "sessionIssuer sharedEventID sourceIPAddress tlsDetails tlsVersion updatedFields userAgent "
    "userId userIdentity userName vpcEndpointAccountId vpcEndpointId webIdFederationData"
)
"""The members of events: CloudTrail User Guide, "CloudTrail record contents". A table has them in
lower case, and DuckDB reads only what has the same case."""


class _File(msgspec.Struct, rename="pascal"):
    records: list[msgspec.Raw]


def read_cloudtrail_tables() -> None:
    """Present CloudTrail's files as its input format and SerDe do: objects as JSON text."""
    from ministack.services import athena  # noqa: PLC0415

    original = athena._table_relation  # noqa: SLF001

    def relation(table: Mapping[str, Any], files: Sequence[str]) -> str:
        input_format = table["StorageDescriptor"].get("InputFormat", "")
        is_cloudtrail = "CloudTrailInputFormat" in input_format
        return rows_of(table, files) if is_cloudtrail else str(original(table, files))

    athena._table_relation = relation  # noqa: SLF001


def rows_of(table: Mapping[str, Any], files: Sequence[str]) -> str:
    """Return the rows of CloudTrail's files, for DuckDB, which gets a file with a line for each."""
    types = (_typed(each["Name"], each["Type"]) for each in table["StorageDescriptor"]["Columns"])
    columns = ", ".join(f"'{name}': '{type_}'" for name, type_ in types)
    paths = ", ".join(f"'{_with_lines(Path(file))}'" for file in files)
    partitions = "".join(f", {column}" for column in _partitions(table))
    read = (
        f"read_json([{paths}], format = 'newline_delimited', columns = {{{columns}}}, "
        "filename = true)"
    )
    return f"(SELECT *{partitions} FROM {read})"  # noqa: S608


def _with_lines(file: Path) -> Path:
    found = msgspec.json.decode(gzip.decompress(file.read_bytes()), type=_File)
    lines = file.with_suffix(".lines")
    lines.write_bytes(b"\n".join(bytes(record).replace(b"\n", b" ") for record in found.records))
    return lines


def _typed(name: str, type_: str) -> tuple[str, str]:
    """Return a column and its type, as DuckDB names both."""
    found = re.sub(r"\s+", "", type_.lower())
    found = re.sub(r"(\w+):", lambda each: f'"{_camel(each[1])}" ', found)
    found = re.sub(r"\bstring\b", "VARCHAR", found).replace("struct<", "STRUCT(")
    found = re.sub(r"map<[^>]*>", "JSON", re.sub(r"array<.*>", "JSON", found))
    return _camel(name), found.replace(">", ")")


def _camel(name: str) -> str:
    return {each.lower(): each for each in _NAMES.split()}.get(name, name)


def _partitions(table: Mapping[str, Any]) -> Iterator[str]:
    # The values of the partitions are those in the paths: Athena User Guide, "Specify custom S3
    # storage locations".
    parameters = table["Parameters"]
    names = [key["Name"] for key in table.get("PartitionKeys", ())]
    template = urlparse(parameters.get("storage.location.template", "")).path
    for name in names:
        depth = parameters.get(f"projection.{name}.format", "").count("/") + 1
        template = template.replace(f"${{{name}}}", f"((?:[^/]+/){{{depth}}})")
    template = re.sub(r"\)/", ")", template).removeprefix("/")
    location = urlparse(table["StorageDescriptor"]["Location"]).path.strip("/")
    pattern = template.removeprefix(f"{location}/")
    for number, name in enumerate(names, 1):
        found = f"regexp_extract(filename, '[^/]*/ministack-athena-[^/]*/{pattern}', {number})"
        yield f"rtrim({found}, '/') AS \"{name}\""


def _needed(query: str, output: str) -> Iterator[tuple[str, str]]:
    """Yield the actions that a query needs, and their resources."""
    from ministack.core.responses import get_account_id, get_region  # noqa: PLC0415
    from ministack.services import athena, glue  # noqa: PLC0415

    catalog = f"arn:aws:glue:{get_region()}:{get_account_id()}"
    for table in athena._table_references(query):  # noqa: SLF001
        name = f"{table.database}/{table.table}"
        yield from (
            (action, f"{catalog}:{resource}")
            for action in ("glue:GetDatabase", "glue:GetTable", "glue:GetPartitions")
            for resource in ("catalog", f"database/{table.database}", f"table/{name}")
        )
        found = glue._tables.get(name)  # noqa: SLF001
        if found:
            place = urlparse(found["StorageDescriptor"]["Location"])
            bucket = f"arn:aws:s3:::{place.netloc}"
            yield from ((action, bucket) for action in ("s3:GetBucketLocation", "s3:ListBucket"))
            yield "s3:GetObject", f"{bucket}{place.path}/1.json.gz"
    results = urlparse(output)
    bucket = f"arn:aws:s3:::{results.netloc}"
    yield "s3:GetBucketLocation", bucket
    yield from (
        (action, f"{bucket}{results.path}1.csv") for action in ("s3:PutObject", "s3:GetObject")
    )


def act_as_the_caller() -> None:
    """Let Athena read and write only what the caller may.

    Amazon Athena User Guide, "Control access to Amazon S3 from Athena" and "Configure access to
    databases and tables in the AWS Glue Data Catalog".
    """
    from ministack.core import iam_actions  # noqa: PLC0415
    from ministack.core.iam_evaluator import enforce  # noqa: PLC0415
    from ministack.core.responses import (  # noqa: PLC0415
        error_response_json,
        get_account_id,
        get_region,
    )
    from ministack.core.router import extract_access_key_id  # noqa: PLC0415
    from ministack.services import athena  # noqa: PLC0415

    answer, find_arn = athena.handle_request, iam_actions.extract_resource_arn

    async def answer_as_the_caller(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
    ) -> Any:
        if headers.get("x-amz-target", "").endswith(".StartQueryExecution"):
            asked = json.loads(body)
            workgroup = athena._workgroups.get(asked.get("WorkGroup", ""), {})  # noqa: SLF001
            configuration = workgroup.get("Configuration", {}).get("ResultConfiguration", {})
            output = configuration.get("OutputLocation", "")
            key = extract_access_key_id(headers, query)
            for action, arn in _needed(asked["QueryString"], output) if output else ():
                if enforce(key, action, action.partition(":")[0], get_region(), resource_arn=arn):
                    message = f"not authorized to perform: {action} on resource: {arn}"
                    return error_response_json("AccessDeniedException", message, 400)
        return await answer(method, path, headers, body, query)

    def arn_of_the_workgroup(service: str, *request: Any) -> Any:
        # These calls are about the workgroup of the query: Service Authorization Reference.
        if service == "athena" and b'"QueryExecutionId"' in request[3]:
            id_ = json.loads(request[3])["QueryExecutionId"]
            execution = athena._executions.get(id_, {})  # noqa: SLF001
            workgroup = execution.get("WorkGroup", "none")
            return f"arn:aws:athena:{get_region()}:{get_account_id()}:workgroup/{workgroup}"
        return find_arn(service, *request)

    athena.handle_request = answer_as_the_caller
    iam_actions.extract_resource_arn = arn_of_the_workgroup
