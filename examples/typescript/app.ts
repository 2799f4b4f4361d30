// Pump's read-only role in a CDK app in TypeScript: the universal template, as it is.
import { App, Stack } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";

const app = new App();
const stack = new Stack(app, "Vendors");
new CfnInclude(stack, "Pump", { templateFile: "PumpReadOnly.template.json" });
app.synth();
