"""The tables that AWS documents for CloudTrail's files in Amazon Athena.

Amazon Athena User Guide, "Create the table for CloudTrail logs in Athena using partition
projection" and "using manual partitioning", and "Create a table for an organization wide trail
using manual partitioning".
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.sandbox.aws import EmbeddedAws

COLUMNS: Final = """
    eventversion STRING,
    useridentity STRUCT<
        type: STRING, principalid: STRING, arn: STRING, accountid: STRING, invokedby: STRING,
        accesskeyid: STRING, username: STRING,
        onbehalfof: STRUCT<userid: STRING, identitystorearn: STRING>,
        sessioncontext: STRUCT<
            attributes: STRUCT<mfaauthenticated: STRING, creationdate: STRING>,
            sessionissuer: STRUCT<
                type: STRING, principalid: STRING, arn: STRING, accountid: STRING,
                username: STRING>,
            ec2roledelivery: STRING,
            webidfederationdata: STRUCT<
                federatedprovider: STRING, attributes: MAP<STRING, STRING>>>>,
    eventtime STRING, eventsource STRING, eventname STRING, awsregion STRING,
    sourceipaddress STRING, useragent STRING, errorcode STRING, errormessage STRING,
    requestparameters STRING, responseelements STRING, additionaleventdata STRING,
    requestid STRING, eventid STRING, readonly STRING,
    resources ARRAY<STRUCT<arn: STRING, accountid: STRING, type: STRING>>,
    eventtype STRING, apiversion STRING, recipientaccountid STRING, serviceeventdetails STRING,
    sharedeventid STRING, vpcendpointid STRING, vpcendpointaccountid STRING,
    eventcategory STRING,
    addendum STRUCT<
        reason: STRING, updatedfields: STRING, originalrequestid: STRING, originaleventid: STRING>,
    sessioncredentialfromconsole STRING, edgedevicedetails STRING,
    tlsdetails STRUCT<
        tlsversion: STRING, ciphersuite: STRING, clientprovidedhostheader: STRING>
"""

PARTITIONS: Final[Mapping[str, tuple[str, str]]] = {
    "partition": ("`timestamp` STRING", "111122223333/CloudTrail/us-east-1/${timestamp}"),
    # Also with partition projection, for an organization.
    "all": (
        "account STRING, region STRING, `timestamp` STRING",
        "${account}/CloudTrail/${region}/${timestamp}",
    ),
    # Without a template, each partition is added by itself. The emulator cannot do that.
    "manual": (
        "region STRING, year STRING, month STRING, day STRING",
        "111122223333/CloudTrail/${region}/${year}/${month}/${day}",
    ),
    "organization": (
        "account STRING, region STRING, year STRING, month STRING, day STRING",
        "${account}/CloudTrail/${region}/${year}/${month}/${day}",
    ),
}
"""The partitions of each table, and where they are."""


DATABASE: Final = "audit"
"""The database of the tables, and their workgroup."""

TRAIL: Final = "AWSLogs/o-abcdefghij"
"""Where the organization's trail is in its bucket, which is named ``trail``."""


def have_a_trail(aws: EmbeddedAws) -> None:
    """Create buckets for a trail and for the results of queries, a database, and a workgroup."""
    for bucket in ("trail", "results"):
        aws.client("s3").create_bucket(Bucket=bucket)
    aws.client("glue").create_database(DatabaseInput={"Name": DATABASE})
    place = {"ResultConfiguration": {"OutputLocation": "s3://results/pump/"}}
    aws.client("athena").create_work_group(Name=DATABASE, Configuration=place)


def upload(aws: EmbeddedAws, folder: Path) -> None:
    """Upload the files of a trail."""
    client = aws.client("s3")
    for file in folder.rglob("*.json.gz"):
        key = f"{TRAIL}/{file.relative_to(folder)}"
        client.put_object(Bucket="trail", Key=key, Body=file.read_bytes())


def create_table(aws: EmbeddedAws, name: str, kind: str, columns: str = COLUMNS) -> None:
    """Create a table of the trail's files."""
    client = aws.client("athena")
    started = client.start_query_execution(
        QueryString=_statement(name, f"s3://trail/{TRAIL}", kind, columns),
        QueryExecutionContext={"Database": DATABASE},
        WorkGroup=DATABASE,
    )
    state = "QUEUED"
    while state in ("QUEUED", "RUNNING"):
        time.sleep(0.005)
        found = client.get_query_execution(QueryExecutionId=started["QueryExecutionId"])
        state = found["QueryExecution"]["Status"]["State"]
    assert state == "SUCCEEDED", found


def _statement(name: str, location: str, kind: str, columns: str) -> str:
    partitions, template = PARTITIONS[kind]
    fixed, _, _ = template.partition("$")
    return f"""
        CREATE EXTERNAL TABLE {name} ({columns})
        PARTITIONED BY ({partitions})
        ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'
        STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'
        OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
        LOCATION '{location}/{fixed}'
        TBLPROPERTIES (
            'projection.enabled' = 'true',
            'projection.timestamp.type' = 'date',
            'projection.timestamp.format' = 'yyyy/MM/dd',
            'projection.timestamp.range' = '2026/01/01,NOW',
            'storage.location.template' = '{location}/{template}'
        )"""
