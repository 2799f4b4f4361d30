import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { Stack, type StackProps } from "aws-cdk-lib/core";
import type { Construct } from "constructs";

export const template = "PumpReadOnly-recommended.template.json";

// Pump's read-only role: a ready template with guardrails, as it is.
export class VendorsStack extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);
    new CfnInclude(this, "Pump", { templateFile: template });
  }
}
