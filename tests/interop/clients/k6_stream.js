// Many users at once, each with sequences on a stream of its own. Not by reflection: k6 1.1 ends with "message …
// is already registered", a fault of its own, when several users ask for it at the same time.
//
//     k6 run --env ADDRESS=127.0.0.1:50051 --env PROTOS=/path/to/protos k6_stream.js

import exec from "k6/execution";
import { check } from "k6";
import grpc from "k6/net/grpc";

const SERIES = "tiny-series";
const STEPS = 10;
const client = new grpc.Client();
client.load([__ENV.PROTOS], "hiddenstate/oip/open_inference.proto");

export const options = {
  vus: 8,
  iterations: 40,
  thresholds: { checks: ["rate==1"] },
};

function request(values, parameters = {}) {
  return {
    modelName: SERIES,
    parameters,
    inputs: [{ name: "inputs", datatype: "FP32", shape: [1, values.length / 3, 3], contents: { fp32Contents: values } }],
  };
}

export default async function () {
  if (exec.vu.iterationInInstance === 0) {
    client.connect(__ENV.ADDRESS, { plaintext: true });
  }
  const id = exec.scenario.iterationInTest + 1;
  const values = Array.from({ length: STEPS * 3 }, (_, index) => Math.sin(id * 17 + index));
  const whole = client.invoke("inference.GRPCInferenceService/ModelInfer", request(values));
  check(whole, { "the whole is answered": (answer) => answer && answer.status === grpc.StatusOK });
  const found = [];
  await new Promise((resolve) => {
    const stream = new grpc.Stream(client, "inference.GRPCInferenceService/ModelStreamInfer");
    stream.on("data", (answer) => {
      const ok = !answer.errorMessage;
      check(answer, { "a step is answered": () => ok });
      if (ok) found.push(...answer.inferResponse.outputs[0].contents.fp32Contents);
    });
    stream.on("error", () => resolve());
    stream.on("end", () => resolve());
    for (let step = 0; step < STEPS; step += 1) {
      stream.write(request(values.slice(step * 3, step * 3 + 3), {
        sequence_id: { int64Param: id },
        sequence_start: { boolParam: step === 0 },
        sequence_end: { boolParam: step === STEPS - 1 },
      }));
    }
    stream.end();
  });
  check(found, {
    "step by step is the whole": () =>
      JSON.stringify(found) === JSON.stringify(whole.message.outputs[0].contents.fp32Contents),
  });
}

export function handleSummary(data) {
  const { passes } = data.metrics.checks.values;
  const streams = data.metrics.iterations.values.count;
  const failed = data.root_group.checks.filter((each) => each.fails).map((each) => `${each.fails} times not: ${each.name}`);
  const said = failed.length ? failed.join("; ") : `${passes} checks passed`;
  return { stdout: `${streams} streams of ${STEPS} steps by ${options.vus} users: ${said}\n` };
}
