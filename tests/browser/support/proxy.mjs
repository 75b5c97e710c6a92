// A wire that tests can cut, stall, record and falsify: TCP between browser and relay. The page's
// origin is the proxy's address, so it stays the same when the relay is killed and started again.

import { once } from 'node:events';
import net from 'node:net';

import { encodeFrame, UpgradedStream } from './frames.mjs';

const BINARY = 2;

const HEAD = 'HTTP/1.1 200 OK\r\nCross-Origin-Embedder-Policy: require-corp\r\nCross-Origin-Resource-Policy: same-origin\r\n';

/** What a request can get instead of an answer. */
const SPOILED = {
  'no answer': '',
  'half of it': `${HEAD}Content-Type: application/wasm\r\nContent-Length: 1000\r\n\r\n\0asm\x01\0\0\0`,
  'a page instead': `${HEAD}Content-Type: text/html\r\nContent-Length: 12\r\n\r\n<p>sorry</p>`,
  'an error': 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n',
};

const pathIn = (chunk) => /^GET (\S+) /.exec(chunk.subarray(0, 500).toString('latin1'))?.[1];

/** One direction of one WebSocket connection. */
class Lane {
  #stream = new UpgradedStream();
  #waiting = [];
  #held = false;

  constructor(proxy, direction, target) {
    this.proxy = proxy;
    this.direction = direction;
    this.target = target;
  }

  push(chunk) {
    for (const part of this.#stream.push(chunk)) {
      if (part.head) {
        this.proxy.record(this.direction, part.head, 'http');
        this.target.write(part.head);
      } else {
        this.#pass(part.frame);
      }
    }
  }

  #pass(frame) {
    if (frame.opcode === BINARY) {
      this.proxy.record(this.direction, frame.payload, 'frame');
      if (this.proxy.holds(this.direction, frame.payload)) this.#held = true;
    }
    if (this.#held) {
      this.#waiting.push(frame);
    } else {
      this.#write(frame);
    }
  }

  #write(frame) {
    const payload = frame.opcode === BINARY ? this.proxy.falsify(this.direction, frame.payload) : frame.payload;
    this.target.write(encodeFrame({ ...frame, payload }));
  }

  get held() {
    return this.#waiting.length;
  }

  release() {
    this.#held = false;
    for (const frame of this.#waiting.splice(0)) this.#write(frame);
  }
}

export class Proxy {
  #server = net.createServer((client) => this.#accept(client));
  #sockets = new Set();
  #lanes = new Set();
  #cut = false;
  #holding = null;
  #falsifier = null;
  #spoiled = null;
  #rewritten = null;
  #withheld = null;

  /** Every frame in order: `{ direction: 'up' | 'down', payload }`, masks taken off. */
  frames = [];
  #http = [];
  /** Paths that were asked for and are not under the prefix. */
  outside = [];

  /** `prefix`: the path under which the relay stands here, as a reverse proxy would have it. */
  static async open(relayPort, prefix = '') {
    const proxy = new Proxy();
    proxy.relayPort = relayPort;
    proxy.prefix = prefix;
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port() {
    return this.#server.address().port;
  }

  /** Ends every connection and takes no new ones. */
  cut() {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend() {
    this.#cut = false;
  }

  /**
   * From the first frame in `direction` that `matches`, a connection keeps that frame and all that
   * follow; what is held when the connection ends is lost, as on a real wire.
   */
  hold(direction, matches = () => true) {
    this.#holding = { direction, matches };
  }

  /** How many frames are held. */
  get held() {
    return [...this.#lanes].reduce((sum, lane) => sum + lane.held, 0);
  }

  release() {
    this.#holding = null;
    for (const lane of this.#lanes) lane.release();
  }

  /** Rewrites frames on their way: `(direction, payload) => payload`. */
  tamper(falsifier) {
    this.#falsifier = falsifier;
  }

  /** Answers requests for paths that match by `how` instead of by the relay; nothing: no more. */
  spoil(pattern, how) {
    this.#spoiled = pattern === null ? null : { pattern, answer: SPOILED[how] };
  }

  /** A request as the relay gets it: without the prefix. */
  #inside(chunk) {
    const [request, path] = /^[A-Z]+ (\S+) HTTP/.exec(chunk.subarray(0, 500).toString('latin1')) ?? [];
    if (this.prefix === '' || path === undefined) return chunk;
    const isInside = path.startsWith(`${this.prefix}/`);
    if (!isInside) this.outside.push(path);
    const inside = request.replace(path, isInside ? path.slice(this.prefix.length) : '/outside');
    return Buffer.concat([Buffer.from(inside, 'latin1'), chunk.subarray(request.length)]);
  }

  #spoils(client, chunk) {
    const path = pathIn(chunk);
    if (path === undefined || !this.#spoiled?.pattern.test(path)) return false;
    client.end(this.#spoiled.answer, () => client.destroy());
    return true;
  }

  /** Scripts whose paths match arrive as `change(script)`; nothing: no more. */
  rewrite(pattern, change) {
    this.#rewritten = pattern === null ? null : { pattern, change };
  }

  /** Requests for a path get no answer until what this gives is called; it resolves when the first one is there. */
  async withhold(path) {
    return new Promise((arrived) => {
      this.#withheld = { path, arrived };
    });
  }

  #withholds(client, chunk, lanes) {
    if (this.#withheld === null || pathIn(chunk) !== this.#withheld.path) return false;
    const { arrived } = this.#withheld;
    this.#withheld = null;
    // The relay ends a connection on which nothing comes.
    lanes.withheld = true;
    arrived(() => client.end(SPOILED['an error'], () => client.destroy()));
    return true;
  }

  #rewrites(client, chunk) {
    const path = pathIn(chunk);
    if (path === undefined || !this.#rewritten?.pattern.test(path)) return false;
    this.#changed(path, this.#rewritten.change).then((answer) => client.end(answer, () => client.destroy()), (error) => client.destroy(error));
    return true;
  }

  async #changed(path, change) {
    const original = await fetch(`http://127.0.0.1:${this.relayPort}${path}`);
    const script = Buffer.from(change(await original.text()));
    return Buffer.concat([Buffer.from(`${HEAD}Content-Type: text/javascript\r\nContent-Length: ${script.length}\r\n\r\n`), script]);
  }

  holds(direction, payload) {
    return this.#holding !== null && this.#holding.direction === direction && this.#holding.matches(payload);
  }

  falsify(direction, payload) {
    return this.#falsifier === null ? payload : this.#falsifier(direction, payload);
  }

  record(direction, bytes, kind) {
    if (kind === 'frame') this.frames.push({ direction, payload: bytes });
    else this.#http.push(Buffer.from(bytes));
  }

  /** Everything that went over the wire, in both directions. */
  recorded() {
    return Buffer.concat([...this.#http, ...this.frames.map((frame) => frame.payload)]);
  }

  /** Whether something was asked for with these words in its address. */
  wasAsked(words) {
    return this.#http.some((chunk) => chunk.includes(words));
  }

  #accept(client) {
    if (this.#cut) {
      client.destroy();
      return;
    }
    const relay = net.connect(this.relayPort, '127.0.0.1');
    const lanes = { up: new Lane(this, 'up', relay), down: new Lane(this, 'down', client), upgraded: null, withheld: false };
    this.#pipe(client, relay, (bytes) => {
      const chunk = lanes.upgraded ? bytes : this.#inside(bytes);
      if (!lanes.upgraded && (this.#spoils(client, chunk) || this.#withholds(client, chunk, lanes) || this.#rewrites(client, chunk))) return;
      lanes.upgraded ??= chunk.subarray(0, 12).toString('latin1') === 'GET /api/ws ';
      this.#forward(lanes, 'up', chunk, relay);
    }, lanes);
    this.#pipe(relay, client, (chunk) => this.#forward(lanes, 'down', chunk, client), lanes);
  }

  #forward(lanes, direction, chunk, target) {
    if (lanes.upgraded) {
      this.#lanes.add(lanes[direction]);
      lanes[direction].push(chunk);
    } else {
      this.record(direction, chunk, 'http');
      target.write(chunk);
    }
  }

  #pipe(from, to, take, lanes) {
    this.#sockets.add(from);
    from.on('data', take);
    from.on('error', () => from.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      this.#lanes.delete(lanes.up);
      this.#lanes.delete(lanes.down);
      if (lanes.upgraded) to.destroy();
      else if (!lanes.withheld) to.end();
    });
  }

  async close() {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
