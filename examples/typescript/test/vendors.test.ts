import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CfnRolePolicy } from "aws-cdk-lib/aws-iam";
import { App } from "aws-cdk-lib/core";
import { addGate } from "../lib/gate";
import { VendorsStack } from "../lib/vendors-stack";

function create(): { app: App; stack: VendorsStack } {
  const app = new App({ outdir: mkdtempSync(join(tmpdir(), "cdk.out")) });
  const stack = new VendorsStack(app, "Vendors");
  addGate(app);
  return { app, stack };
}

test("only a role that is wider than in the template fails the synth", () => {
  create().app.synth();

  const { app, stack } = create();
  new CfnRolePolicy(stack, "More", {
    roleName: "PumpReadOnlyRole",
    policyName: "More",
    policyDocument: { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] },
  });
  assert.throws(() => app.synth(), /ValidationFailed/);
});
