/** The same server in both eras and over both transports, that writes fixed bytes and keeps every byte it was sent. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LibraryConfig } from '../../../packages/breakwater/src/index.ts';
import { at } from '../../requirements/support/json.ts';
import { beginStream, startScripted } from '../../requirements/support/scripted-upstream.ts';

/** Spelling, key order, doubtful numbers and escapes that a parse and a stringify would not survive. */
export const ODD =
  '{"z":1.0,"a":12345678901234567890,"m":[1E5,-0,0.10],"\\u0061b":"\\/\\u00e9é\\ud83d\\ude00","b":{"2":1,"1":2},"n":null}';

/** A form with such bytes. */
export const FORM =
  '{"type":"object","properties":{"n":{"type":"number","maximum":9007199254740993,"description":"\\u00e9"}},"required":["n"]}';

/** What the server writes, without what the era adds. */
export const WRITTEN = {
  tool: `{"name":"act","inputSchema":{"type":"object","properties":{"n":{"type":"integer","default":9007199254740993}}},"x-own":${ODD}}`,
  block: `{"type":"text","text":"x","x-own":${ODD}}`,
  structured: `"structuredContent":${ODD}`,
  extra: `"x-extra":${ODD}`,
  meta: `"own":${ODD}`,
  progress: `"progress":9007199254740993,"total":9007199254740995.0,"x-own":${ODD}`,
  log: `"level":"error","data":${ODD}`,
  data: `"data":${ODD}`,
  contents: `{"uri":"test://a","text":"x","x-own":${ODD}}`,
  question: `"message":"How many?","requestedSchema":${FORM},"x-own":${ODD}`,
} as const;

/** What only the leg of the server knows; none of it may reach a client. */
export const SECRETS = { session: 'upstream-session', event: 'upstream-event', request: 900_001 } as const;

/** Both eras of servers. */
export type ServerEra = 'legacy' | 'modern';

type Incoming = Readonly<Record<string, unknown>>;

/** One server as a state machine: what comes in, and what is sent for it. */
class RawServer {
  readonly #era: ServerEra;
  /** Ends the call that asked, once it is answered. */
  #finishAsking: (() => void) | undefined;

  constructor(era: ServerEra) {
    this.#era = era;
  }

  /** Takes one message; `send` brings one message of its answer. Returns whether an answer is to be expected. */
  take(message: Incoming, send: (raw: string, isLast: boolean) => void): boolean {
    const { id, method } = message;
    if (id === undefined) return false;
    if (method === undefined) {
      this.#finishAsking?.();
      return false;
    }
    const isLegacy = this.#era === 'legacy';
    const respond = (result: string): void =>
      send(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`, true);
    const fail = (error: string): void => send(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":${error}}`, true);
    const complete = (members: string): void => respond(`{${members}${isLegacy ? '' : ',"resultType":"complete"'}}`);
    const list = (members: string): void =>
      complete(`${members}${isLegacy ? '' : ',"ttlMs":0,"cacheScope":"private"'}`);
    const info = '{"name":"raw","version":"1"}';
    const capabilities = '{"tools":{},"resources":{},"logging":{}}';
    switch (String(method)) {
      case isLegacy ? 'initialize' : '':
        respond(`{"protocolVersion":"2025-11-25","capabilities":${capabilities},"serverInfo":${info}}`);
        return true;
      case isLegacy ? '' : 'server/discover':
        list(
          `"supportedVersions":["2026-07-28"],"capabilities":${capabilities},"_meta":{"io.modelcontextprotocol/serverInfo":${info}}`,
        );
        return true;
      case 'tools/list':
        list(`"tools":[${WRITTEN.tool}]`);
        return true;
      case 'resources/read':
        list(`"contents":[${WRITTEN.contents}]`);
        return true;
      case 'logging/setLevel':
        respond('{}');
        return true;
      case 'tools/call':
        break;
      default:
        fail('{"code":-32601,"message":"Method not found"}');
        return true;
    }
    const name = at(message, 'params', 'name');
    if (name === 'fail') {
      fail(`{"code":-32000,"message":"no",${WRITTEN.data}}`);
    } else if (name === 'ask') {
      const finish = (): void => complete('"content":[{"type":"text","text":"thanks"}]');
      if (isLegacy) {
        this.#finishAsking = finish;
        send(
          `{"jsonrpc":"2.0","id":${SECRETS.request},"method":"elicitation/create","params":{${WRITTEN.question}}}`,
          false,
        );
      } else if (at(message, 'params', 'inputResponses') === undefined) {
        const asked = `{"how-many":{"method":"elicitation/create","params":{${WRITTEN.question}}}}`;
        respond(`{"resultType":"input_required","inputRequests":${asked},"requestState":"st\\u0061te"}`);
      } else finish();
    } else {
      const token = JSON.stringify(at(message, 'params', '_meta', 'progressToken'));
      send(
        `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},${WRITTEN.progress}}}`,
        false,
      );
      send(`{"jsonrpc":"2.0","method":"notifications/message","params":{${WRITTEN.log}}}`, false);
      complete(`"content":[${WRITTEN.block}],${WRITTEN.structured},${WRITTEN.extra},"_meta":{${WRITTEN.meta}}`);
    }
    return true;
  }
}

/** A raw server that runs. */
export interface RunningRawServer extends AsyncDisposable {
  readonly config: LibraryConfig['upstreams'][string];
  /** Every message it was sent, as it was written. */
  received(): string[];
  /** The headers of every request but `initialize`; none where there are no headers. */
  headers(): Readonly<Record<string, string>>[];
}

/** Starts one. */
export async function startRawServer(era: ServerEra, transport: 'http' | 'stdio'): Promise<RunningRawServer> {
  if (transport === 'stdio') {
    const folder = mkdtempSync(join(tmpdir(), 'breakwater-raw-'));
    const log = join(folder, 'received');
    appendFileSync(log, '');
    return {
      config: { command: process.execPath, args: [fileURLToPath(import.meta.url), era, log], era },
      received: () =>
        readFileSync(log, 'utf8')
          .split('\n')
          .filter((line) => line !== ''),
      headers: () => [],
      [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }),
    };
  }
  const server = new RawServer(era);
  let events = 0;
  const upstream = await startScripted(({ message, verb }, response) => {
    const session = { 'mcp-session-id': SECRETS.session };
    if (verb !== 'POST' || message === undefined) {
      response.writeHead(verb === 'DELETE' ? 200 : 405).end();
      return;
    }
    const isAnswered = server.take(message, (raw, isLast) => {
      if (isLast && !response.headersSent) {
        response.writeHead(200, { 'content-type': 'application/json', ...(era === 'legacy' ? session : {}) }).end(raw);
        return;
      }
      if (!response.headersSent) beginStream(response, era === 'legacy' ? session : {});
      response.write(`${era === 'legacy' ? `id: ${SECRETS.event}-${events++}\n` : ''}data: ${raw}\n\n`);
      if (isLast) response.end();
    });
    if (!isAnswered) response.writeHead(202).end();
  });
  return {
    config: { url: upstream.url, era },
    received: () => upstream.seen.map(({ body }) => body).filter((body) => body !== ''),
    headers: () =>
      upstream.seen
        .filter(({ message }) => message?.['method'] !== 'initialize')
        .map(({ headers }) =>
          Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
        ),
    [Symbol.asyncDispose]: upstream[Symbol.asyncDispose],
  };
}

if (import.meta.main) {
  const [era, log = ''] = process.argv.slice(2);
  const server = new RawServer(era === 'modern' ? 'modern' : 'legacy');
  for await (const line of createInterface({ input: process.stdin })) {
    appendFileSync(log, `${line}\n`);
    server.take(JSON.parse(line) as Incoming, (raw) => process.stdout.write(`${raw}\n`));
  }
}
