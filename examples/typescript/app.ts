// Pump's read-only role in a CDK app in TypeScript: a ready template with guardrails, as it is.
import { execFileSync } from "node:child_process";
import { App, type IPolicyValidationContext, Stack, Validations } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";

const template = "PumpReadOnly-recommended.template.json";
const app = new App();
const stack = new Stack(app, "Vendors");
new CfnInclude(stack, "Pump", { templateFile: template });

// The gate: fails the synth if the report has an alarm, if the role can do more than in the template, or if the
// report cannot be made.
const gate = ["report", app.outdir, "--since", template, "--fail-on", "alarm", "--fail-on", "broadened"];
Validations.of(app).addPlugins({
  name: "pump-roles",
  validate({ templatePaths: [templatePath] }: IPolicyValidationContext) {
    try {
      execFileSync("pump-roles", gate, { stdio: ["ignore", "ignore", "pipe"] });
      return { success: true, violations: [] };
    } catch (error: any) {
      // The CDK ignores a plugin that throws, and a violation without a resource.
      const violatingResources = [{ resourceLogicalId: "*", templatePath, locations: [] }];
      const missing = error.code === "ENOENT";
      const description = missing ? "the command pump-roles is not installed" : String(error.stderr || error);
      return { success: false, violations: [{ ruleName: "report", severity: "fatal", description, violatingResources }] };
    }
  },
});
app.synth();
