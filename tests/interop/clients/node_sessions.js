// Three sessions at once, which go on whatever happens to their streams and their server. Prints a line of JSON for each
// numbered answer, and for each stream that was lost or resumed.
//
//     node node_sessions.js ADDRESS PROTOS PAUSE      (PAUSE: milliseconds that an answer takes to be dealt with)

const { setTimeout: sleep } = require("node:timers/promises");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const { CHANNEL_OPTIONS, Session } = require("./session.js");

const [address, protos, pause] = process.argv.slice(2);
const WORDS = "a fine film and bad one it is truth universally acknowledged".split(" ");

/** `rounds` of messages: each is sent when the answer `last` of the one before has come. */
const TALKS = [
  {
    file: "text_generation",
    service: "TextGenerationService",
    method: "GenerateText",
    config: { session: { model: "tiny-generator" }, seed: "7", options: { max_token_count: 40, log_probabilities: true } },
    last: "completion",
    rounds: times(5, (round) => [{ prompt: { text: `${words(round, 3)} ` } }, { generate: {} }]),
  },
  {
    file: "music",
    service: "MusicService",
    method: "ComposeMusic",
    config: { session: { model: "tiny-music" }, seed: "11", options: { quarter_count: 4, log_probabilities: true } },
    last: "composition",
    rounds: times(4, () => [{ compose: {} }]),
  },
  {
    file: "sentiment",
    service: "SentimentService",
    method: "AnalyzeSentiment",
    config: { session: { model: "tiny-sentiment" } },
    last: "result",
    rounds: times(150, (round) => [{ text: { text: words(round, 2) } }, { text: { text: " film." } }, { finish: {} }]),
  },
];

function times(count, make) {
  return Array.from({ length: count }, (_, round) => make(round));
}

function words(from, count) {
  return times(count, (place) => WORDS[(from + place * 3) % WORDS.length]).join(" ");
}

function print(method, said) {
  console.log(JSON.stringify({ method, ...said }));
}

async function talk({ file, service, method, config, last, rounds }) {
  const definition = loader.loadSync(`hiddenstate/v1/${file}.proto`, {
    includeDirs: [protos], keepCase: true, longs: String, enums: String, defaults: true, oneofs: true,
  });
  const Service = grpc.loadPackageDefinition(definition).hiddenstate.v1[service];
  const client = new Service(address, grpc.credentials.createInsecure(), CHANNEL_OPTIONS);
  const session = new Session((metadata) => client[method](metadata), config);
  session.on("lost", (reason) => print(method, { lost: reason || "CONNECTION_LOST" }));
  session.on("resumed", () => print(method, { resumed: true }));
  const left = [...rounds];
  const sayNext = async () => {
    for (const message of left.shift() ?? []) await session.send(message);
    if (left.length === 0) await session.end();
  };
  await sayNext();
  for await (const { content, item } of session.answers()) {
    if (item.answer_number === "0") continue; // A running result.
    print(method, { content, item });
    await sleep(Number(pause));
    if (content === last && left.length > 0) await sayNext();
  }
  client.close();
}

Promise.all(TALKS.map(talk)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
