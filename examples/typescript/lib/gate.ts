import { execFileSync } from "node:child_process";
import { type App, type IPolicyValidationContext, Validations } from "aws-cdk-lib/core";
import { template } from "./vendors-stack";

// Fails the synth if the report has a finding, if the role can do more than in the template, or if the report cannot be
// made.
export function addGate(app: App): void {
  const gate = ["report", app.outdir, "--since", template, "--fail-on", "finding", "--fail-on", "broadened"];
  Validations.of(app).addPlugins({
    name: "pump-roles",
    validate({ templatePaths: [templatePath] }: IPolicyValidationContext) {
      try {
        execFileSync("pump-roles", gate, { stdio: ["ignore", "ignore", "pipe"] });
        return { success: true, violations: [] };
      } catch (error) {
        // The CDK ignores a plugin that throws, and a violation without a resource.
        const violatingResources = [{ resourceLogicalId: "*", templatePath, locations: [] }];
        const { code, stderr } = error as { code?: string; stderr?: Buffer };
        const description = code === "ENOENT" ? "the command pump-roles is not installed" : String(stderr || error);
        return { success: false, violations: [{ ruleName: "report", severity: "fatal", description, violatingResources }] };
      }
    },
  });
}
