// What a user of @grpc/grpc-js does with the published proto files.
//
//     node node_client.js ADDRESS PROTOS      (NODE_PATH names the folder of the packages)

const assert = require("node:assert");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [address, protos] = process.argv.slice(2);
const definition = loader.loadSync("hiddenstate/oip/open_inference.proto", {
  includeDirs: [protos],
  keepCase: true,
  longs: String,
  oneofs: true,
});
const { GRPCInferenceService } = grpc.loadPackageDefinition(definition).inference;
const client = new GRPCInferenceService(address, grpc.credentials.createInsecure());
const SERIES = "tiny-series";

function call(method, request) {
  return new Promise((resolve, reject) =>
    client[method](request, { deadline: Date.now() + 10_000 }, (error, answer) => (error ? reject(error) : resolve(answer))));
}

function request(values, parameters = {}, id = "") {
  const raw = Buffer.from(new Float32Array(values).buffer);
  return {
    model_name: SERIES,
    id,
    parameters,
    inputs: [{ name: "inputs", datatype: "FP32", shape: [1, values.length / 3, 3] }],
    raw_input_contents: [raw],
  };
}

function place(id, step, steps) {
  return {
    sequence_id: { uint64_param: id },
    sequence_start: { bool_param: step === 0 },
    sequence_end: { bool_param: step === steps - 1 },
  };
}

async function main() {
  assert((await call("ServerReady", {})).ready);
  assert.strictEqual((await call("ModelMetadata", { name: SERIES })).inputs[0].name, "inputs");
  const steps = 6;
  const ids = ["1", "9223372036854775808", "18446744073709551615"];
  const values = (seed) => Array.from({ length: steps * 3 }, (_, index) => Math.fround(Math.sin(seed * 31 + index)));
  const requests = Array.from({ length: steps }).flatMap((_, step) =>
    ids.map((id, seed) => request(values(seed).slice(step * 3, step * 3 + 3), place(id, step, steps), `${id}/${step}`)));
  const found = await new Promise((resolve, reject) => {
    const answers = new Map();
    const stream = client.ModelStreamInfer({ deadline: Date.now() + 10_000 });
    stream.on("data", (answer) => {
      if (answer.error_message) reject(new Error(answer.error_message));
      answers.set(answer.infer_response.id, answer.infer_response.raw_output_contents[0]);
    });
    stream.on("error", reject);
    stream.on("end", () => resolve(answers));
    for (const each of requests) stream.write(each);
    stream.end();
  });
  for (const [seed, id] of ids.entries()) {
    const whole = (await call("ModelInfer", request(values(seed)))).raw_output_contents[0];
    const joined = Buffer.concat(Array.from({ length: steps }, (_, step) => found.get(`${id}/${step}`)));
    assert(joined.equals(whole), `sequence ${id} has other bits than the whole`);
  }
  const error = await call("ModelInfer", request(values(0), { sequence_id: { int64_param: 77 } })).catch((caught) => caught);
  assert.strictEqual(error.code, grpc.status.INVALID_ARGUMENT);
  assert(error.metadata.get("grpc-status-details-bin")[0].includes("SEQUENCE_NOT_STARTED"));
  console.log(`${ids.length} sequences of ${steps} steps on one stream, ids to 2^64-1: the bits of the whole; a mistake refused`);
}

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

process.on("uncaughtException", fail);
main().then(() => client.close(), fail);
