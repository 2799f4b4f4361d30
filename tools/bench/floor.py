"""The floor: an empty CDK app."""

from aws_cdk import App

App().synth()
