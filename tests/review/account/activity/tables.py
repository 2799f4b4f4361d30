"""The tables that AWS documents for CloudTrail's files in Amazon Athena.

Amazon Athena User Guide, "Create the table for CloudTrail logs in Athena using partition
projection" and "using manual partitioning", and "Create a table for an organization wide trail
using manual partitioning".
"""

from collections.abc import Mapping
from typing import Final

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


def create_table(name: str, location: str, kind: str, columns: str = COLUMNS) -> str:
    """Return the statement that creates a table."""
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
