import { App } from "aws-cdk-lib/core";
import { addGate } from "../lib/gate";
import { VendorsStack } from "../lib/vendors-stack";

const app = new App();
new VendorsStack(app, "Vendors");
addGate(app);
app.synth();
