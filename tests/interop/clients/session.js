// A session that outlives its streams and its server, for @grpc/grpc-js: a client in another language. The numbers in
// brackets are those of the rules in docs/sessions.md, "A client in another language".

const crypto = require("node:crypto");
const { EventEmitter, once } = require("node:events");
const { setTimeout: sleep } = require("node:timers/promises");
const grpc = require("@grpc/grpc-js");
const protobuf = require("protobufjs");

const MOST_KEPT = 1024; // messages that wait to be safe
const ACKNOWLEDGE_EVERY = 64; // answers; a server stops a session of which 1,024 are not acknowledged
const ATTEMPTS = 100; // in a row
const FIRST_WAIT = 50; // milliseconds; doubled with each attempt
const LONGEST_WAIT = 2000;
const { CANCELLED, INTERNAL, RESOURCE_EXHAUSTED, UNAVAILABLE, UNKNOWN } = grpc.status;

/** What a channel needs, so that a connection that stalls is noticed and a server that comes back is found soon. */
const CHANNEL_OPTIONS = {
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": LONGEST_WAIT,
};

/**
 * Send with `send` and `end`, read with `for await (const { content, item } of session.answers())`.
 * Emits "lost" with a reason before each attempt to go on, and "resumed" when the session goes on.
 */
class Session extends EventEmitter {
  token = ""; // opens the session again
  kept = []; // messages that are not safe yet, the last one being number `numbered`
  numbered = 0;
  next = 1; // number of the message to be sent next on this stream
  received = 0; // number of the last answer that came,
  handled = 0; // that the caller has dealt with,
  acknowledged = 0; // and of which the server was told
  call = null; // the stream, once it is open
  attempts = 0; // since the session went on last
  gaveUp = false; // whether the stream before this one was left before the server had answered
  failure = null;

  /** `begin(metadata)` makes the call of a task; `config` is what opens it. */
  constructor(begin, config) {
    super();
    this.begin = begin;
    this.config = config;
  }

  /** Sends one message, such as { prompt: { text } }; waits while too many are not safe [3]. */
  async send(content) {
    while (!this.failure && this.kept.length >= MOST_KEPT) await once(this, "room");
    if (this.failure) throw this.failure;
    this.numbered += 1;
    this.kept.push({ ...content, sequence_number: this.numbered });
    this.sendOn();
  }

  /** No more input: an end is a message as any other [2]. The stream stays open for acknowledgements. */
  end() {
    return this.send({ end: {} });
  }

  /** All answers in order, each once. Who asks for the next one has dealt with the one before [5]. */
  async *answers() {
    try {
      while (true) {
        const lost = yield* this.answersOfOneStream();
        if (!lost) return;
        this.emit("lost", lost.reason);
        await sleep(this.waitFor(lost)); // [7]
      }
    } catch (error) {
      this.failure = error;
      throw error;
    } finally {
      this.emit("room");
    }
  }

  /** Answers until the stream ends. Returns why it was lost; nothing when the session has come to its end. */
  async *answersOfOneStream() {
    const call = this.open();
    let opened = false;
    try {
      for await (const response of call) {
        const { content } = response;
        this.forget(Number(response.durable_sequence_number));
        if (content === "opened") {
          opened = true;
          this.goOn(call, response.opened);
          continue;
        }
        this.attempts = 0;
        if (content === "move") {
          this.token = response.move.resume_token || this.token;
          return { reason: "SESSION_MOVES" }; // [8]
        }
        for (const item of itemsOf(response)) {
          const number = Number(item.answer_number);
          if (number && number <= this.received) continue; // [4]
          this.received = number || this.received;
          yield { content, item };
          this.handled = this.received;
          this.acknowledge();
        }
      }
      return null;
    } catch (error) {
      const lost = { code: error.code, ...detailsOf(error) };
      if (!this.mayGoOn(lost, opened)) throw error;
      return lost;
    } finally {
      this.gaveUp = !opened;
      this.call = null;
      call.cancel();
    }
  }

  /** Opens the session, or opens it again with its token [1, 6]. */
  open() {
    let session = { resume_token: this.token, received_answer_number: this.handled };
    if (this.token) {
      this.acknowledged = this.handled;
    } else {
      // Nobody knows the token of a session that was lost before it was answered: the next one has another name.
      this.id = crypto.randomUUID();
      session = { ...this.config.session, session_id: this.id, durability: "DURABILITY_STORED" };
    }
    const metadata = new grpc.Metadata();
    metadata.set("hiddenstate-session-id", this.id);
    const call = this.begin(metadata);
    call.on("error", () => {}); // Read by the loop above, unless that has left already.
    call.write({ config: this.token ? { session } : { ...this.config, session } });
    return call;
  }

  /** The server has answered: it says with which message to go on [6]. */
  goOn(call, opened) {
    const next = Number(opened.next_sequence_number);
    if (next <= this.numbered - this.kept.length) {
      throw new Error(`the server asks for message ${next}, which it has called safe`);
    }
    if (this.token) this.emit("resumed");
    this.token = opened.resume_token;
    this.next = next;
    this.call = call;
    this.sendOn();
  }

  /** Sends what the server has not got yet. The transport may buffer it: it is bounded as `kept` is. */
  sendOn() {
    for (; this.call && this.next <= this.numbered; this.next += 1) {
      this.write(this.kept[this.kept.length - 1 - (this.numbered - this.next)]);
    }
  }

  acknowledge() {
    if (this.call && this.handled - this.acknowledged >= ACKNOWLEDGE_EVERY) this.write({ acknowledgement: {} });
  }

  write(message) {
    this.acknowledged = this.handled;
    this.call.write({ ...message, received_answer_number: this.handled });
  }

  /** All messages up to this one are safe [3]. */
  forget(durable) {
    const safe = durable - (this.numbered - this.kept.length);
    if (safe <= 0) return;
    this.kept.splice(0, safe);
    this.emit("room");
  }

  /** Whether a stream that ended so was lost: nothing was wrong with what was said on it [7]. */
  mayGoOn({ code, reason, retryAfter }, opened) {
    const lost = code === UNAVAILABLE || (!reason && [CANCELLED, INTERNAL, UNKNOWN].includes(code));
    // A session that was silent may have lost its slot to others, and finds none when it speaks again.
    const full = code === RESOURCE_EXHAUSTED && retryAfter > 0 && (!opened || reason === "SESSIONS_EXHAUSTED");
    // A server that stood still may carry out late what was given up, and so take the session from this stream.
    const taken = this.token && this.gaveUp && reason === "SESSION_TAKEN_OVER";
    return this.attempts < ATTEMPTS && (lost || (this.token && full) || taken);
  }

  /** Milliseconds until the next attempt: drawn, so that all clients of a lost server do not come back at once. */
  waitFor({ retryAfter = 0 }) {
    const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.attempts);
    this.attempts += 1;
    return Math.max(retryAfter, Math.random() * most);
  }
}

/** An answer is one item, or a list of items under its own name. What concerns the session itself has none. */
function itemsOf(response) {
  const answer = response[response.content];
  return "answer_number" in answer ? [answer] : (answer[response.content] ?? []);
}

const { root } = protobuf.parse(`
  syntax = "proto3";
  package google;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { repeated Any details = 3; }
  message ErrorInfo { string reason = 1; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
`, { keepCase: true });

/** The reason that the server gives, and the milliseconds after which to try again, where the status has them. */
function detailsOf(error) {
  const found = { reason: "" };
  for (const packed of error.metadata?.get("grpc-status-details-bin") ?? []) {
    for (const { type_url: url, value } of root.lookupType("google.Status").decode(packed).details) {
      if (url.endsWith("google.rpc.ErrorInfo")) {
        found.reason = root.lookupType("google.ErrorInfo").decode(value).reason;
      } else if (url.endsWith("google.rpc.RetryInfo")) {
        const { seconds, nanos } = root.lookupType("google.RetryInfo").decode(value).retry_delay;
        found.retryAfter = Number(seconds) * 1000 + nanos / 1e6;
      }
    }
  }
  return found;
}

module.exports = { CHANNEL_OPTIONS, Session };
