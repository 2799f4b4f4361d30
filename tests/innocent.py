"""Stacks as customers have them, in which there is nothing to raise an alarm about.

Each function adds what would be one stack to a stack that is given. Those in ``INNOCENT`` are
harmless in any stack, also in the one that holds Pump's role. Those in ``FOREIGN`` let somebody
else into the account, or make credentials: harmless in another stack than Pump's.

No two functions use the same construct id, so that one stack can take them all.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final

from aws_cdk import (
    Aws,
    CfnCondition,
    CfnMapping,
    CfnParameter,
    CfnResource,
    Duration,
    Environment,
    Fn,
    NestedStack,
    RemovalPolicy,
    Size,
    Stack,
    custom_resources,
)
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_integrations as apigatewayv2_integrations
from aws_cdk import aws_athena as athena
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_backup as backup
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as cloudfront_origins
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as codepipeline_actions
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_config as config
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_eks as eks
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as events_targets
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as lambda_event_sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_organizations as organizations
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as s3_notifications
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as sns_subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_sso as sso
from aws_cdk import aws_stepfunctions as stepfunctions
from aws_cdk import aws_stepfunctions_tasks as stepfunctions_tasks
from constructs import Construct

__all__ = ["FOREIGN", "INNOCENT"]

_CODE: Final = "def handler(event, context):\n    return event\n"


def _function(
    stack: Stack,
    id: str,
    *,
    role: iam.IRole | None = None,
    environment: Mapping[str, str] | None = None,
) -> lambda_.Function:
    return lambda_.Function(
        stack,
        id,
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(_CODE),
        role=role,
        environment=environment,
        timeout=Duration.seconds(30),
    )


def _sibling(stack: Stack, suffix: str) -> Stack:
    scope = stack.node.scope
    assert isinstance(scope, Construct)
    return Stack(
        scope,
        f"{stack.node.id}{suffix}",
        env=Environment(account=stack.account, region=stack.region),
    )


def bucket(stack: Stack) -> None:
    """A bucket that is emptied when it goes: a custom resource with its role."""
    s3.Bucket(
        stack,
        "Uploads",
        versioned=True,
        enforce_ssl=True,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        lifecycle_rules=[s3.LifecycleRule(noncurrent_version_expiration=Duration.days(30))],
        removal_policy=RemovalPolicy.DESTROY,
        auto_delete_objects=True,
    )


def bucket_notifications(stack: Stack) -> None:
    """A bucket that calls a function and writes to a queue: another custom resource."""
    images = s3.Bucket(stack, "Images", enforce_ssl=True)
    thumbnails = _function(stack, "Thumbnails")
    images.grant_read(thumbnails)
    images.add_event_notification(
        s3.EventType.OBJECT_CREATED,
        s3_notifications.LambdaDestination(thumbnails),
        s3.NotificationKeyFilter(suffix=".jpg"),
    )
    images.add_event_notification(
        s3.EventType.OBJECT_REMOVED, s3_notifications.SqsDestination(sqs.Queue(stack, "Removed"))
    )


def bucket_replication(stack: Stack) -> None:
    """Two buckets, of which one is copied to the other with a role of S3's."""
    s3.Bucket(
        stack,
        "Original",
        versioned=True,
        replication_rules=[
            s3.ReplicationRule(destination=s3.Bucket(stack, "Copy", versioned=True), priority=1)
        ],
    )


def function(stack: Stack) -> None:
    """A function with the service role that the L2 makes, and rights of its own."""
    worker = lambda_.Function(
        stack,
        "Worker",
        runtime=lambda_.Runtime.NODEJS_22_X,
        handler="index.handler",
        code=lambda_.Code.from_inline("exports.handler = async (event) => event;"),
        memory_size=256,
        tracing=lambda_.Tracing.ACTIVE,
        dead_letter_queue_enabled=True,
        log_group=logs.LogGroup(stack, "WorkerLogs", retention=logs.RetentionDays.ONE_MONTH),
        initial_policy=[
            iam.PolicyStatement(actions=["ec2:DescribeInstances"], resources=["*"]),
        ],
    )
    worker.add_to_role_policy(
        iam.PolicyStatement(
            actions=["ssm:GetParameter"],
            resources=[
                stack.format_arn(service="ssm", resource="parameter", resource_name="worker/*")
            ],
        )
    )


def network(stack: Stack) -> None:
    """A network with a NAT gateway, flow logs, and an endpoint that has a policy of its own."""
    vpc = ec2.Vpc(stack, "Network", max_azs=2, nat_gateways=1)
    vpc.add_flow_log("FlowLog")
    vpc.add_interface_endpoint("Ssm", service=ec2.InterfaceVpcEndpointAwsService.SSM)
    endpoint = vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    endpoint.add_to_policy(
        iam.PolicyStatement(
            principals=[iam.AnyPrincipal()],
            actions=["s3:GetObject", "s3:ListBucket"],
            resources=["*"],
        )
    )


def container_service(stack: Stack) -> None:
    """A Fargate service behind a load balancer, with a task role and an execution role."""
    vpc = ec2.Vpc(stack, "ServiceNetwork", max_azs=2, nat_gateways=1)
    cluster = ecs.Cluster(
        stack, "Cluster", vpc=vpc, container_insights_v2=ecs.ContainerInsights.ENABLED
    )
    task = ecs.FargateTaskDefinition(stack, "Task", cpu=256, memory_limit_mib=512)
    password = secretsmanager.Secret(stack, "ServicePassword")
    task.add_container(
        "Web",
        image=ecs.ContainerImage.from_ecr_repository(ecr.Repository(stack, "Repository"), "1.0"),
        logging=ecs.LogDrivers.aws_logs(stream_prefix="web"),
        port_mappings=[ecs.PortMapping(container_port=8080)],
        secrets={"PASSWORD": ecs.Secret.from_secrets_manager(password)},
    )
    dynamodb.TableV2(
        stack,
        "Sessions",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
    ).grant_read_write_data(task.task_role)
    service = ecs.FargateService(
        stack,
        "Service",
        cluster=cluster,
        task_definition=task,
        desired_count=2,
        min_healthy_percent=50,
        enable_execute_command=True,
        circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
    )
    service.auto_scale_task_count(max_capacity=4).scale_on_cpu_utilization(
        "Cpu", target_utilization_percent=60
    )
    balancer = elbv2.ApplicationLoadBalancer(stack, "Balancer", vpc=vpc, internet_facing=True)
    balancer.add_listener("Http", port=80).add_targets(
        "Web", port=8080, protocol=elbv2.ApplicationProtocol.HTTP, targets=[service]
    )


def rest_api(stack: Stack) -> None:
    """A REST API with its role for CloudWatch, a function, and a table that it is granted."""
    orders = dynamodb.Table(
        stack,
        "Orders",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )
    handler = _function(stack, "OrdersHandler", environment={"TABLE": orders.table_name})
    orders.grant_read_write_data(handler)
    api = apigateway.LambdaRestApi(
        stack, "OrdersApi", handler=handler, proxy=False, cloud_watch_role=True
    )
    resource = api.root.add_resource("orders")
    resource.add_method("GET")
    resource.add_method("POST", authorization_type=apigateway.AuthorizationType.IAM)


def http_api(stack: Stack) -> None:
    """An HTTP API in front of a function that is granted a secret."""
    handler = _function(stack, "WebhookHandler")
    secretsmanager.Secret(stack, "WebhookSecret").grant_read(handler)
    apigatewayv2.HttpApi(stack, "Webhooks").add_routes(
        path="/hook",
        methods=[apigatewayv2.HttpMethod.POST],
        integration=apigatewayv2_integrations.HttpLambdaIntegration("Integration", handler),
    )


def database(stack: Stack) -> None:
    """A database with enhanced monitoring, and a generated secret that a role may read."""
    vpc = ec2.Vpc(stack, "DatabaseNetwork", max_azs=2, nat_gateways=0)
    instance = rds.DatabaseInstance(
        stack,
        "Database",
        engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_16),
        instance_type=ec2.InstanceType.of(ec2.InstanceClass.T4G, ec2.InstanceSize.MEDIUM),
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        credentials=rds.Credentials.from_generated_secret("admin_user"),
        storage_encrypted=True,
        iam_authentication=True,
        monitoring_interval=Duration.minutes(1),
        cloudwatch_logs_exports=["postgresql"],
    )
    reader = iam.Role(
        stack, "DatabaseReader", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")
    )
    assert instance.secret is not None
    instance.secret.grant_read(reader)
    instance.grant_connect(reader, "reader")


def fan_out(stack: Stack) -> None:
    """A topic that AWS services publish to, with queues behind it: resource policies for them."""
    topic = sns.Topic(stack, "Events", enforce_ssl=True)
    failed = sqs.Queue(stack, "Failed", enforce_ssl=True, retention_period=Duration.days(14))
    for name in ["Billing", "Shipping"]:
        queue = sqs.Queue(
            stack,
            name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=3, queue=failed),
        )
        topic.add_subscription(sns_subscriptions.SqsSubscription(queue, raw_message_delivery=True))
        queue.grant_consume_messages(_function(stack, f"{name}Consumer"))
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[
                iam.ServicePrincipal("cloudwatch.amazonaws.com"),
                iam.ServicePrincipal("budgets.amazonaws.com"),
                iam.ServicePrincipal("costalerts.amazonaws.com"),
            ],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        )
    )


def stream(stack: Stack) -> None:
    """A data stream with a function that reads it, and delivery into a bucket by a role."""
    clicks = kinesis.Stream(stack, "Clicks", stream_mode=kinesis.StreamMode.ON_DEMAND)
    _function(stack, "ClicksReader").add_event_source(
        lambda_event_sources.KinesisEventSource(
            clicks, starting_position=lambda_.StartingPosition.LATEST, batch_size=100
        )
    )
    archive = s3.Bucket(stack, "ClicksArchive")
    role = iam.Role(
        stack, "ClicksDelivery", assumed_by=iam.ServicePrincipal("firehose.amazonaws.com")
    )
    clicks.grant_read(role)
    archive.grant_read_write(role)
    firehose.CfnDeliveryStream(
        stack,
        "ClicksDeliveryStream",
        delivery_stream_type="KinesisStreamAsSource",
        kinesis_stream_source_configuration=firehose.CfnDeliveryStream.KinesisStreamSourceConfigurationProperty(
            kinesis_stream_arn=clicks.stream_arn, role_arn=role.role_arn
        ),
        s3_destination_configuration=firehose.CfnDeliveryStream.S3DestinationConfigurationProperty(
            bucket_arn=archive.bucket_arn, role_arn=role.role_arn
        ),
    )


def state_machine(stack: Stack) -> None:
    """A state machine that calls a function, and writes logs with its role."""
    check = stepfunctions_tasks.LambdaInvoke(
        stack,
        "Check",
        lambda_function=_function(stack, "CheckHandler"),
        payload_response_only=True,
    )
    failed = stepfunctions.Fail(stack, "Rejected", error="Rejected")
    notify = stepfunctions_tasks.SnsPublish(
        stack,
        "Notify",
        topic=sns.Topic(stack, "Accepted"),
        message=stepfunctions.TaskInput.from_json_path_at("$"),
    )
    chosen = (
        stepfunctions.Choice(stack, "Accepted?")
        .when(stepfunctions.Condition.boolean_equals("$.accepted", value=True), notify)
        .otherwise(failed)
    )
    stepfunctions.StateMachine(
        stack,
        "Checks",
        definition_body=stepfunctions.DefinitionBody.from_chainable(check.next(chosen)),
        timeout=Duration.minutes(5),
        tracing_enabled=True,
        logs=stepfunctions.LogOptions(
            destination=logs.LogGroup(stack, "ChecksLogs"), level=stepfunctions.LogLevel.ALL
        ),
    )


def scheduled_rule(stack: Stack) -> None:
    """Rules that call a function and start a container, and a bus that the account writes to."""
    nightly = events.Rule(stack, "Nightly", schedule=events.Schedule.cron(minute="0", hour="3"))
    nightly.add_target(
        events_targets.LambdaFunction(_function(stack, "NightlyHandler"), retry_attempts=2)
    )
    task = ecs.FargateTaskDefinition(stack, "NightlyTask")
    task.add_container(
        "Job", image=ecs.ContainerImage.from_registry("public.ecr.aws/docker/library/busybox")
    )
    vpc = ec2.Vpc(stack, "NightlyNetwork", max_azs=2, nat_gateways=0)
    nightly.add_target(
        events_targets.EcsTask(
            cluster=ecs.Cluster(stack, "NightlyCluster", vpc=vpc),
            task_definition=task,
            subnet_selection=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            assign_public_ip=True,
        )
    )
    bus = events.EventBus(stack, "Bus")
    events.CfnEventBusPolicy(
        stack,
        "BusPolicy",
        event_bus_name=bus.event_bus_name,
        statement_id="OwnAccount",
        statement={
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{stack.partition}:iam::{stack.account}:root"},
            "Action": "events:PutEvents",
            "Resource": bus.event_bus_arn,
            "Sid": "OwnAccount",
        },
    )


def pipeline(stack: Stack) -> None:
    """A pipeline that builds and deploys, with a role of another stack for CloudFormation."""
    deployer = iam.Role(
        _sibling(stack, "Deployment"),
        "Deployer",
        assumed_by=iam.ServicePrincipal("cloudformation.amazonaws.com"),
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("PowerUserAccess")],
    )
    artifacts = s3.Bucket(
        stack,
        "Artifacts",
        encryption=s3.BucketEncryption.KMS,
        encryption_key=kms.Key(stack, "ArtifactsKey", enable_key_rotation=True),
    )
    source, built = codepipeline.Artifact("Source"), codepipeline.Artifact("Built")
    codepipeline.Pipeline(
        stack,
        "Pipeline",
        artifact_bucket=artifacts,
        pipeline_type=codepipeline.PipelineType.V2,
        stages=[
            codepipeline.StageProps(
                stage_name="Source",
                actions=[
                    codepipeline_actions.CodeStarConnectionsSourceAction(
                        action_name="Source",
                        owner="example",
                        repo="shop",
                        connection_arn=stack.format_arn(
                            service="codestar-connections",
                            resource="connection",
                            resource_name="1a2b3c4d-0000-0000-0000-000000000000",
                        ),
                        output=source,
                    )
                ],
            ),
            codepipeline.StageProps(
                stage_name="Build",
                actions=[
                    codepipeline_actions.CodeBuildAction(
                        action_name="Build",
                        project=codebuild.PipelineProject(
                            stack,
                            "Build",
                            environment=codebuild.BuildEnvironment(
                                build_image=codebuild.LinuxBuildImage.STANDARD_7_0
                            ),
                            build_spec=codebuild.BuildSpec.from_object(
                                {
                                    "version": "0.2",
                                    "phases": {"build": {"commands": ["make"]}},
                                    "artifacts": {"files": ["**/*"]},
                                }
                            ),
                        ),
                        input=source,
                        outputs=[built],
                    )
                ],
            ),
            codepipeline.StageProps(
                stage_name="Deploy",
                actions=[
                    codepipeline_actions.ManualApprovalAction(
                        action_name="Approve",
                        run_order=1,
                        notification_topic=sns.Topic(stack, "Approvals"),
                    ),
                    codepipeline_actions.CloudFormationCreateUpdateStackAction(
                        action_name="Deploy",
                        run_order=2,
                        stack_name="Shop",
                        template_path=built.at_path("template.json"),
                        admin_permissions=False,
                        deployment_role=deployer,
                    ),
                ],
            ),
        ],
    )


def website(stack: Stack) -> None:
    """A distribution that is the only reader of a bucket, and writes its logs into another."""
    pages = s3.Bucket(
        stack, "Pages", enforce_ssl=True, block_public_access=s3.BlockPublicAccess.BLOCK_ALL
    )
    cloudfront.Distribution(
        stack,
        "Website",
        default_root_object="index.html",
        default_behavior=cloudfront.BehaviorOptions(
            origin=cloudfront_origins.S3BucketOrigin.with_origin_access_control(pages),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
        ),
        enable_logging=True,
    )


def key(stack: Stack) -> None:
    """A key that the account's administrators manage, that a role and a service may use."""
    held = kms.Key(stack, "Key", alias="alias/orders", enable_key_rotation=True)
    held.grant_encrypt_decrypt(
        iam.Role(stack, "KeyUser", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    )
    held.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            actions=["kms:Encrypt*", "kms:Decrypt*", "kms:GenerateDataKey*"],
            resources=["*"],
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": stack.format_arn(
                        service="logs", resource="log-group", resource_name="*"
                    )
                }
            },
        )
    )


def instance_role(stack: Stack) -> None:
    """A role for machines, in instance profiles and with policies that AWS manages."""
    role = iam.Role(
        stack,
        "InstanceRole",
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name("AmazonSSMManagedInstanceCore"),
            iam.ManagedPolicy.from_aws_managed_policy_name("CloudWatchAgentServerPolicy"),
        ],
    )
    iam.InstanceProfile(stack, "InstanceProfile", role=role)
    vpc = ec2.Vpc(stack, "InstanceNetwork", max_azs=2, nat_gateways=0)
    ec2.Instance(
        stack,
        "Bastion",
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
        instance_type=ec2.InstanceType("t4g.nano"),
        machine_image=ec2.MachineImage.latest_amazon_linux2023(
            cpu_type=ec2.AmazonLinuxCpuType.ARM_64
        ),
        role=role,
        require_imdsv2=True,
    )
    autoscaling.AutoScalingGroup(
        stack,
        "Fleet",
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
        launch_template=ec2.LaunchTemplate(
            stack,
            "FleetTemplate",
            instance_type=ec2.InstanceType("t4g.small"),
            machine_image=ec2.MachineImage.latest_amazon_linux2023(
                cpu_type=ec2.AmazonLinuxCpuType.ARM_64
            ),
            role=iam.Role(stack, "FleetRole", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com")),
            user_data=ec2.UserData.for_linux(),
        ),
        min_capacity=1,
        max_capacity=3,
    )


def group_and_user(stack: Stack) -> None:
    """A group with policies, and in it a user without keys."""
    group = iam.Group(
        stack,
        "Developers",
        group_name="developers",
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("ReadOnlyAccess")],
    )
    group.attach_inline_policy(
        iam.Policy(
            stack,
            "OwnPassword",
            statements=[
                iam.PolicyStatement(
                    actions=["iam:ChangePassword", "iam:GetUser"],
                    resources=[
                        stack.format_arn(
                            service="iam",
                            region="",
                            resource="user",
                            resource_name="${aws:username}",
                        )
                    ],
                )
            ],
        )
    )
    user = iam.User(stack, "Developer", groups=[group])
    s3.Bucket(stack, "DevelopersBucket").grant_read(user)


def managed_policy(stack: Stack) -> None:
    """A policy of the customer's own on the customer's own role, with a name that reads like it."""
    role = iam.Role(
        stack,
        "Reporting",
        role_name="ReportingReadOnlyRole",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
    )
    iam.ManagedPolicy(
        stack,
        "BillingReadOnly",
        managed_policy_name="BillingReadOnly",
        roles=[role],
        statements=[
            iam.PolicyStatement(actions=["ce:GetCostAndUsage", "ce:List*"], resources=["*"])
        ],
    )
    iam.CfnRolePolicy(
        stack,
        "BudgetsReadOnly",
        role_name=role.role_name,
        policy_name="BudgetsReadOnly",
        policy_document={
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "budgets:View*", "Resource": "*"}],
        },
    )


def bounded_role(stack: Stack) -> None:
    """A role that may make roles within a permissions boundary, and has that boundary itself."""
    boundary = iam.ManagedPolicy(
        stack,
        "Boundary",
        managed_policy_name="ProjectBoundary",
        path="/platform/",
        statements=[
            iam.PolicyStatement(actions=["s3:*", "dynamodb:*", "logs:*"], resources=["*"]),
            iam.PolicyStatement(
                effect=iam.Effect.DENY, actions=["iam:*BoundaryPolicy"], resources=["*"]
            ),
        ],
    )
    role = iam.Role(
        stack,
        "Project",
        path="/projects/",
        permissions_boundary=boundary,
        assumed_by=iam.CompositePrincipal(
            iam.ServicePrincipal("lambda.amazonaws.com"),
            iam.ServicePrincipal("states.amazonaws.com"),
        ),
        inline_policies={
            "MakeRoles": iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(
                        actions=["iam:CreateRole", "iam:AttachRolePolicy", "iam:PassRole"],
                        resources=[
                            stack.format_arn(
                                service="iam",
                                region="",
                                resource="role",
                                resource_name="projects/*",
                            )
                        ],
                        conditions={
                            "StringEquals": {"iam:PermissionsBoundary": boundary.managed_policy_arn}
                        },
                    )
                ]
            )
        },
    )
    iam.PermissionsBoundary.of(role).apply(boundary)


def custom_resource_call(stack: Stack) -> None:
    """A custom resource that makes one call to AWS."""
    custom_resources.AwsCustomResource(
        stack,
        "Password",
        install_latest_aws_sdk=False,
        on_update=custom_resources.AwsSdkCall(
            service="SSM",
            action="getParameter",
            parameters={"Name": "/shared/password"},
            physical_resource_id=custom_resources.PhysicalResourceId.of("password"),
        ),
        policy=custom_resources.AwsCustomResourcePolicy.from_sdk_calls(
            resources=custom_resources.AwsCustomResourcePolicy.ANY_RESOURCE
        ),
    )


def custom_resource_role(stack: Stack) -> None:
    """A custom resource whose role is the customer's own, to which a policy is added."""
    role = iam.Role(
        stack,
        "SeederRole",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name(
                "service-role/AWSLambdaBasicExecutionRole"
            )
        ],
    )
    custom_resources.AwsCustomResource(
        stack,
        "Seed",
        install_latest_aws_sdk=False,
        role=role,
        on_create=custom_resources.AwsSdkCall(
            service="DynamoDB",
            action="putItem",
            parameters={"TableName": "settings", "Item": {"id": {"S": "1"}}},
            physical_resource_id=custom_resources.PhysicalResourceId.of("seed"),
        ),
        policy=custom_resources.AwsCustomResourcePolicy.from_sdk_calls(
            resources=[
                stack.format_arn(service="dynamodb", resource="table", resource_name="settings")
            ]
        ),
    )


def trail(stack: Stack) -> None:
    """A trail into a bucket and into CloudWatch."""
    cloudtrail.Trail(
        stack,
        "Trail",
        send_to_cloud_watch_logs=True,
        encryption_key=kms.Key(stack, "TrailKey", enable_key_rotation=True),
    )


def configuration_rules(stack: Stack) -> None:
    """AWS Config with its recorder's role, and rules."""
    role = iam.Role(
        stack,
        "Recorder",
        assumed_by=iam.ServicePrincipal("config.amazonaws.com"),
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AWS_ConfigRole")
        ],
    )
    config.CfnConfigurationRecorder(stack, "ConfigurationRecorder", role_arn=role.role_arn)
    config.ManagedRule(
        stack,
        "RootMfa",
        identifier=config.ManagedRuleIdentifiers.ROOT_ACCOUNT_MFA_ENABLED,
    )
    config.CustomRule(
        stack,
        "OwnRule",
        lambda_function=_function(stack, "OwnRuleHandler"),
        periodic=True,
    )


def alarms(stack: Stack) -> None:
    """Alarms, a dashboard and parameters: nothing about permissions."""
    topic = sns.Topic(stack, "Pager")
    topic.add_subscription(sns_subscriptions.EmailSubscription("ops@example.com"))
    metric = cloudwatch.Metric(namespace="Shop", metric_name="Errors")
    alarm = cloudwatch.Alarm(stack, "Errors", metric=metric, threshold=5, evaluation_periods=2)
    alarm.add_alarm_action(cloudwatch_actions.SnsAction(topic))
    cloudwatch.Dashboard(stack, "Dashboard").add_widgets(cloudwatch.GraphWidget(left=[metric]))
    ssm.StringParameter(stack, "PagerArn", string_value=topic.topic_arn)


def data_lake(stack: Stack) -> None:
    """A crawler with its role, over a bucket, and a workgroup to query what it finds."""
    lake = s3.Bucket(stack, "Lake")
    role = iam.Role(
        stack,
        "Crawling",
        assumed_by=iam.ServicePrincipal("glue.amazonaws.com"),
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AWSGlueServiceRole")
        ],
    )
    lake.grant_read(role)
    found = glue.CfnDatabase(
        stack,
        "Catalog",
        catalog_id=stack.account,
        database_input=glue.CfnDatabase.DatabaseInputProperty(name="lake"),
    )
    glue.CfnCrawler(
        stack,
        "Crawler",
        role=role.role_arn,
        database_name=found.ref,
        targets=glue.CfnCrawler.TargetsProperty(
            s3_targets=[glue.CfnCrawler.S3TargetProperty(path=lake.s3_url_for_object("raw"))]
        ),
    )
    athena.CfnWorkGroup(
        stack,
        "Analysts",
        name="analysts",
        work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
            result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                output_location=lake.s3_url_for_object("results")
            )
        ),
    )


def backups(stack: Stack) -> None:
    """A backup plan for what has a tag, into a vault from which nobody deletes."""
    plan = backup.BackupPlan(
        stack,
        "Backups",
        backup_vault=backup.BackupVault(stack, "Vault", block_recovery_point_deletion=True),
        backup_plan_rules=[
            backup.BackupPlanRule.daily(),
            backup.BackupPlanRule.monthly1_year(),
        ],
    )
    plan.add_selection(
        "Tagged", resources=[backup.BackupResource.from_tag("backup", "yes")], allow_restores=True
    )


def user_pool(stack: Stack) -> None:
    """A user pool whose role sends text messages, trusted by Cognito with an external id."""
    pool = cognito.UserPool(
        stack,
        "Customers",
        self_sign_up_enabled=True,
        sign_in_aliases=cognito.SignInAliases(email=True, phone=True),
        mfa=cognito.Mfa.REQUIRED,
        mfa_second_factor=cognito.MfaSecondFactor(sms=True, otp=True),
        lambda_triggers=cognito.UserPoolTriggers(pre_sign_up=_function(stack, "SignUpHandler")),
    )
    pool.add_client("Web", auth_flows=cognito.AuthFlow(user_srp=True))


def break_glass(stack: Stack) -> None:
    """A role for emergencies, for administrators of this very account who have a second factor."""
    iam.Role(
        stack,
        "BreakGlass",
        role_name="BreakGlass",
        assumed_by=iam.AccountRootPrincipal().with_conditions(
            {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
        ),
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("AdministratorAccess")],
        max_session_duration=Duration.hours(1),
    )


def role_chain(stack: Stack) -> None:
    """A role that another of the same account may assume."""
    runner = iam.Role(stack, "Runner", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
    deploys = iam.Role(stack, "Deploys", assumed_by=iam.ArnPrincipal(runner.role_arn))
    deploys.grant_assume_role(runner)
    deploys.add_to_policy(
        iam.PolicyStatement(
            actions=["sts:AssumeRole"],
            resources=[
                stack.format_arn(service="iam", region="", resource="role", resource_name="cdk-*")
            ],
        )
    )


def cluster_access(stack: Stack) -> None:
    """An entry that lets a role of the customer's own into a Kubernetes cluster."""
    operator = iam.Role(stack, "Operator", assumed_by=iam.AccountRootPrincipal())
    eks.CfnAccessEntry(
        stack,
        "OperatorAccess",
        cluster_name="platform",
        principal_arn=operator.role_arn,
        access_policies=[
            eks.CfnAccessEntry.AccessPolicyProperty(
                policy_arn=f"arn:{stack.partition}:eks::aws:cluster-access-policy/AmazonEKSAdminPolicy",
                access_scope=eks.CfnAccessEntry.AccessScopeProperty(
                    type="namespace", namespaces=["shop"]
                ),
            )
        ],
    )
    pods = iam.Role(
        stack,
        "Pods",
        assumed_by=iam.ServicePrincipal("pods.eks.amazonaws.com").with_session_tags(),
    )
    eks.CfnPodIdentityAssociation(
        stack,
        "PodsIdentity",
        cluster_name="platform",
        namespace="shop",
        service_account="web",
        role_arn=pods.role_arn,
    )


def secret_rotation(stack: Stack) -> None:
    """A secret that a function of the customer's own rotates."""
    secretsmanager.Secret(stack, "ApiToken").add_rotation_schedule(
        "Rotation",
        rotation_lambda=_function(stack, "Rotator"),
        automatically_after=Duration.days(30),
    )


def service_linked_role(stack: Stack) -> None:
    """A role that is AWS's own, and a repository."""
    iam.CfnServiceLinkedRole(
        stack, "Scaling", aws_service_name="autoscaling.amazonaws.com", custom_suffix="Shop"
    )
    ecr.Repository(stack, "Images1", image_scan_on_push=True).add_lifecycle_rule(max_image_count=9)


def existing_role(stack: Stack) -> None:
    """Policies for roles that were there before: by a literal name, and by a literal ARN."""
    statement = iam.PolicyStatement(actions=["logs:PutLogEvents"], resources=["*"])
    for role in [
        iam.Role.from_role_name(stack, "LegacyRole", "legacy-application"),
        iam.Role.from_role_arn(
            stack, "LegacyJob", f"arn:{stack.partition}:iam::{stack.account}:role/jobs/legacy-job"
        ),
    ]:
        role.add_to_principal_policy(statement)
    iam.ManagedPolicy(
        stack,
        "LegacyLogs",
        statements=[statement],
        roles=[iam.Role.from_role_name(stack, "LegacyReader", "legacy-reader", mutable=False)],
        users=[iam.User.from_user_name(stack, "LegacyUser", "legacy-user")],
    )


def optional_suffix(stack: Stack) -> None:
    """A policy for a role by a name whose suffix a condition leaves out."""
    in_test = CfnCondition(stack, "InTest", expression=Fn.condition_equals(Aws.REGION, "eu-west-1"))
    suffix = Fn.condition_if(in_test.logical_id, "test", Aws.NO_VALUE).to_string()
    iam.CfnRolePolicy(
        stack,
        "OptionalSuffix",
        policy_name="reporting",
        role_name=Fn.join("-", ["reporting", suffix]),
        policy_document={
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}],
        },
    )


def cross_stack_policy(stack: Stack) -> None:
    """Policies in one stack for roles in another, both ways."""
    other = _sibling(stack, "Shared")
    service = iam.ServicePrincipal("lambda.amazonaws.com")
    shared = iam.Role(other, "SharedRole", assumed_by=service)
    statement = iam.PolicyStatement(actions=["sqs:ListQueues"], resources=["*"])
    iam.Policy(stack, "QueuesForShared", roles=[shared], statements=[statement])
    attached = iam.ManagedPolicy(
        other, "SharedPolicy", managed_policy_name="shared-queues", statements=[statement]
    )
    iam.Role(stack, "UsesShared", assumed_by=service, managed_policies=[attached])
    s3.Bucket(other, "SharedBucket").grant_read(iam.Role(stack, "SharedReader", assumed_by=service))


def innocent_nested(stack: Stack) -> None:
    """A role in a nested stack with a policy outside of it, and the other way round."""
    nested = NestedStack(stack, "Nested")
    service = iam.ServicePrincipal("ecs-tasks.amazonaws.com")
    statement = iam.PolicyStatement(actions=["sns:ListTopics"], resources=["*"])
    iam.Policy(
        stack,
        "TopicsForInner",
        statements=[statement],
        roles=[iam.Role(nested, "Inner", assumed_by=service)],
    )
    iam.Policy(
        nested,
        "TopicsForOuter",
        statements=[statement],
        roles=[iam.Role(stack, "Outer", assumed_by=service)],
    )
    jobs = sqs.Queue(stack, "NestedJobs")
    jobs.grant_send_messages(_function(nested, "NestedProducer"))


def private_function(stack: Stack) -> None:
    """A function in a network: its role gets the managed policy for that."""
    vpc = ec2.Vpc(stack, "PrivateNetwork", max_azs=2, nat_gateways=0)
    lambda_.Function(
        stack,
        "Private",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(_CODE),
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        ephemeral_storage_size=Size.gibibytes(1),
    )


def _pump_role(stack: Stack) -> str:
    return f"arn:{stack.partition}:iam::{stack.account}:role/PumpReadOnlyRole"


def stored_arn(stack: Stack) -> None:
    """A parameter in which the account's inventory finds the ARN of Pump's role."""
    ssm.StringParameter(stack, "PumpRoleArn", string_value=_pump_role(stack))


def watched_role(stack: Stack) -> None:
    """A rule that tells somebody when anyone changes Pump's role, or assumes it."""
    events.Rule(
        stack,
        "PumpRoleChanged",
        event_pattern=events.EventPattern(
            source=["aws.iam"],
            detail={"requestParameters": {"roleName": ["PumpReadOnlyRole"]}},
        ),
        targets=[events_targets.LambdaFunction(_function(stack, "PumpRoleChangedHandler"))],
    )


def watched_use_of_the_role(stack: Stack) -> None:
    """A metric, a query, and a dashboard of what Pump's role does, by its name."""
    pattern = '{ $.userIdentity.sessionContext.sessionIssuer.userName = "PumpReadOnlyRole" }'
    metric = {"MetricName": "Pump", "MetricNamespace": "Pump", "MetricValue": "1"}
    properties: dict[str, dict[str, object]] = {
        "AWS::Logs::MetricFilter": {
            "LogGroupName": "trail",
            "FilterPattern": pattern,
            "MetricTransformations": [metric],
        },
        "AWS::Logs::QueryDefinition": {"Name": "Pump", "QueryString": f"filter {pattern}"},
        "AWS::CloudWatch::Dashboard": {"DashboardBody": json.dumps({"title": "PumpReadOnlyRole"})},
    }
    for kind, members in properties.items():
        name = "Watches" + kind.rpartition(":")[2]
        CfnResource(stack, name, type=kind, properties=members)


def denied_by_the_organization(stack: Stack) -> None:
    """A service control policy that forbids everyone to change Pump's role."""
    statement = {
        "Effect": "Deny",
        "Action": ["iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"],
        "Resource": "arn:*:iam::*:role/PumpReadOnlyRole",
    }
    organizations.CfnPolicy(
        stack,
        "ProtectPump",
        name="ProtectPump",
        type="SERVICE_CONTROL_POLICY",
        content={"Version": "2012-10-17", "Statement": [statement]},
    )


def names_by_environment(stack: Stack) -> None:
    """Policies for roles whose names differ by Region, by environment, and by a choice."""
    environment = CfnParameter(stack, "Environment", allowed_values=["test", "production"])
    in_test = CfnCondition(
        stack,
        "InTestEnvironment",
        expression=Fn.condition_equals(environment.value_as_string, "test"),
    )
    mapping = CfnMapping(
        stack, "Teams", mapping={"test": {"name": "a"}, "production": {"name": "b"}}
    )
    names = {
        "ByRegion": f"service-{Aws.REGION}",
        "ByEnvironment": f"service-{environment.value_as_string}",
        "ByChoice": Fn.condition_if(in_test.logical_id, "first", "second").to_string(),
        "ByTeam": Fn.join("-", ["team", mapping.find_in_map(environment.value_as_string, "name")]),
    }
    for id_, name in names.items():
        iam.CfnRolePolicy(
            stack,
            id_,
            policy_name="queues",
            role_name=name,
            policy_document={
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}],
            },
        )


def role_with_a_path(stack: Stack) -> None:
    """A policy for the customer's own role, whose name comes from its ARN."""
    role = iam.Role(
        stack,
        "WithPath",
        path="/teams/pump/read/only/",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
    )
    imported = iam.Role.from_role_name(
        stack, "WithPathAgain", Fn.select(5, Fn.split("/", role.role_arn))
    )
    imported.add_to_principal_policy(
        iam.PolicyStatement(actions=["sqs:ListQueues"], resources=["*"])
    )


def role_named_with_a_parameter(stack: Stack) -> None:
    """The text around the parameter is not in the name of one of Pump's roles."""
    where = CfnParameter(stack, "Where").value_as_string
    service = iam.ServicePrincipal("lambda.amazonaws.com")
    iam.Role(stack, "Before", role_name=f"payments-{where}", assumed_by=service)
    iam.Role(stack, "After", role_name=Fn.sub("${Where}-payments"), assumed_by=service)
    iam.Role(stack, "Between", role_name=Fn.join("-", ["our", where, "role"]), assumed_by=service)


def connector_between_own_resources(stack: Stack) -> None:
    CfnResource(
        stack,
        "Connector",
        type="AWS::Serverless::Connector",
        properties={
            "Source": {"Type": "AWS::Lambda::Function", "RoleName": "ours", "Arn": "arn:x"},
            "Destination": {"Type": "AWS::DynamoDB::Table", "Arn": "arn:y"},
            "Permissions": ["Read"],
        },
    )


INNOCENT: Final[Mapping[str, Callable[[Stack], None]]] = {
    function.__name__: function
    for function in [
        role_named_with_a_parameter,
        connector_between_own_resources,
        bucket,
        bucket_notifications,
        bucket_replication,
        function,
        network,
        container_service,
        rest_api,
        http_api,
        database,
        fan_out,
        stream,
        state_machine,
        scheduled_rule,
        pipeline,
        website,
        key,
        instance_role,
        group_and_user,
        managed_policy,
        bounded_role,
        custom_resource_call,
        custom_resource_role,
        trail,
        configuration_rules,
        alarms,
        data_lake,
        backups,
        user_pool,
        break_glass,
        role_chain,
        cluster_access,
        secret_rotation,
        service_linked_role,
        existing_role,
        optional_suffix,
        cross_stack_policy,
        innocent_nested,
        private_function,
        stored_arn,
        watched_role,
        watched_use_of_the_role,
        denied_by_the_organization,
        names_by_environment,
        role_with_a_path,
    ]
}
"""What is harmless anywhere, by its name."""


def github_actions(stack: Stack) -> None:
    """A role for a repository's workflows, which sign in through GitHub's identity provider."""
    provider = iam.OidcProviderNative(
        stack,
        "GitHub",
        url="https://token.actions.githubusercontent.com",
        client_ids=["sts.amazonaws.com"],
    )
    iam.Role(
        stack,
        "Workflows",
        assumed_by=iam.WebIdentityPrincipal(
            provider.oidc_provider_arn,
            {
                "StringEquals": {
                    "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                },
                "StringLike": {
                    "token.actions.githubusercontent.com:sub": "repo:example/shop:*",
                },
            },
        ),
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("PowerUserAccess")],
    )


def single_sign_on(stack: Stack) -> None:
    """A role for people who sign in with the company's SAML provider."""
    provider = iam.CfnSAMLProvider(
        stack,
        "Company",
        name="company",
        saml_metadata_document=f"<EntityDescriptor>{' ' * 1000}</EntityDescriptor>",
    )
    iam.Role(
        stack,
        "Staff",
        assumed_by=iam.FederatedPrincipal(
            provider.ref,
            {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
            "sts:AssumeRoleWithSAML",
        ),
    )


def identity_pool(stack: Stack) -> None:
    """An identity pool, whose guests get a role."""
    pool = cognito.CfnIdentityPool(stack, "Guests", allow_unauthenticated_identities=True)
    guest = iam.Role(
        stack,
        "Guest",
        assumed_by=iam.WebIdentityPrincipal(
            "cognito-identity.amazonaws.com",
            {
                "StringEquals": {"cognito-identity.amazonaws.com:aud": pool.ref},
                "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "unauthenticated"},
            },
        ),
    )
    cognito.CfnIdentityPoolRoleAttachment(
        stack,
        "GuestRole",
        identity_pool_id=pool.ref,
        roles={"unauthenticated": guest.role_arn},
    )


def other_vendor(stack: Stack) -> None:
    """Another vendor's role, which its account assumes with an external id."""
    iam.Role(
        stack,
        "Monitoring",
        role_name="MonitoringVendorRole",
        assumed_by=iam.AccountPrincipal("444455556666"),
        external_ids=["monitoring-42"],
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("SecurityAudit")],
    )


def cross_account_deployment(stack: Stack) -> None:
    """A role through which the company's tools account deploys."""
    iam.Role(
        stack,
        "DeployFromTools",
        role_name="deploy-from-tools",
        assumed_by=iam.ArnPrincipal("arn:aws:iam::111122223333:role/pipeline"),
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("AdministratorAccess")],
    )


def shared_with_accounts(stack: Stack) -> None:
    """A repository that another account pulls from, and a bucket that the organization reads."""
    ecr.Repository(stack, "SharedImages").grant_pull(iam.AccountPrincipal("111122223333"))
    s3.Bucket(stack, "SharedFiles").grant_read(iam.OrganizationPrincipal("o-example123"))


def access_key(stack: Stack) -> None:
    """A user whose key goes into a secret."""
    user = iam.User(stack, "Mailer")
    user.add_to_policy(iam.PolicyStatement(actions=["ses:SendEmail"], resources=["*"]))
    held = iam.AccessKey(stack, "MailerKey", user=user)
    secretsmanager.Secret(stack, "MailerSecret", secret_string_value=held.secret_access_key)


def identity_center(stack: Stack) -> None:
    """A permission set of IAM Identity Center, and to whom it is assigned."""
    instance = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
    permissions = sso.CfnPermissionSet(
        stack,
        "Support",
        instance_arn=instance,
        name="Support",
        session_duration="PT8H",
        managed_policies=["arn:aws:iam::aws:policy/job-function/SupportUser"],
    )
    sso.CfnAssignment(
        stack,
        "SupportTeam",
        instance_arn=instance,
        permission_set_arn=permissions.attr_permission_set_arn,
        principal_id="11111111-2222-3333-4444-555555555555",
        principal_type="GROUP",
        target_id=stack.account,
        target_type="AWS_ACCOUNT",
    )


FOREIGN: Final[Mapping[str, Callable[[Stack], None]]] = {
    function.__name__: function
    for function in [
        github_actions,
        single_sign_on,
        identity_pool,
        other_vendor,
        cross_account_deployment,
        shared_with_accounts,
        access_key,
        identity_center,
    ]
}
"""What is harmless in another stack than that of Pump's role, by its name."""
