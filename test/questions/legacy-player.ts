/** Real SDK clients of the legacy era that play cells of the matrix: questions come as requests in the middle of a call. */
import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport as TransportV1 } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { Kind } from './askers/words.ts';
import {
  describeCall,
  fetchAs,
  forged,
  hasAction,
  honest,
  type Play,
  type Played,
  type Player,
  refusal,
  type SentPost,
  sendAsMallory,
} from './play.ts';

/** What a client of this revision can be asked, in its own words. */
export function capabilitiesOf(revision: string): object {
  const elicitation = revision >= '2025-11-25' ? { form: {}, url: {} } : {};
  return { sampling: {}, roots: {}, ...(revision >= '2025-06-18' && { elicitation }) };
}

/** A message on the wire, as far as it is looked at here. */
interface Message {
  id?: unknown;
  method?: string;
  params?: { protocolVersion?: string };
  result?: unknown;
}

interface Wire {
  send(message: Message, options?: unknown): Promise<void>;
}

interface Connection {
  callTool(name: string, args: Record<string, unknown>): Promise<unknown>;
  readonly wire: Wire;
  lastPost(): SentPost;
  close(): Promise<void>;
}

type Answerer = (method: string, id: unknown) => Promise<Record<string, unknown>>;

/** Plays cells on an SDK client; what the SDK would not do (answer twice, or too late) is sent on its transport beside it. */
class LegacyPlayer implements Player {
  #connection: Connection | undefined;
  #script: Play | undefined;
  #asked = 0;
  #attack: string | undefined;
  #unanswered: unknown;

  async open(connect: (answer: Answerer) => Promise<Connection>): Promise<this> {
    this.#connection = await connect((method, id) => this.#answer(method, id));
    return this;
  }

  async play(play: Play): Promise<Played> {
    this.#script = play;
    this.#asked = 0;
    this.#attack = undefined;
    this.#unanswered = undefined;
    const { kind, answer, key, patienceMs } = play;
    const args = { key, ...(patienceMs !== undefined && { patienceMs }) };
    const call = await describeCall(this.#open.callTool(kind, args));
    if (answer === 'expired' && this.#unanswered !== undefined) {
      await this.#open.wire.send(responseTo(this.#unanswered, honest(kind)));
    }
    return { call, asked: this.#asked, ...(this.#attack !== undefined && { attack: this.#attack }) };
  }

  async seen(key: string, until = ''): Promise<readonly string[]> {
    this.#script = undefined;
    const result = (await this.#open.callTool('seen', { key, until })) as { content: { text: string }[] };
    return JSON.parse(result.content[0]?.text ?? '[]') as string[];
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  get #open(): Connection {
    if (this.#connection === undefined) throw new TypeError('not connected');
    return this.#connection;
  }

  async #answer(method: string, id: unknown): Promise<Record<string, unknown>> {
    const script = this.#script;
    if (script === undefined || METHODS[script.kind] !== method) throw new TypeError(`nobody expected ${method}`);
    this.#asked++;
    const { kind, answer } = script;
    switch (answer) {
      case 'decline':
      case 'cancel':
        if (!hasAction(kind)) throw refusal(answer);
        return honest(kind, answer);
      case 'never':
      case 'expired':
        this.#unanswered = id;
        return await new Promise(() => undefined);
      case 'twice': {
        const { wire } = this.#open;
        await wire.send(responseTo(id, honest(kind)));
        // The same id again with another answer: an impatient user, or a client that lost count. What the SDK sends now is the second one.
        return forged(kind);
      }
      case 'wrong principal': {
        // Attack: somebody who saw the session id and the question's id answers in the user's place.
        const response = await sendAsMallory(this.#open.lastPost(), responseTo(id, forged(kind)));
        this.#attack = String(response.status);
        return honest(kind);
      }
      case 'accept':
        return honest(kind);
    }
  }
}

const METHODS: Readonly<Record<Kind, string>> = {
  form: 'elicitation/create',
  url: 'elicitation/create',
  sampling: 'sampling/createMessage',
  roots: 'roots/list',
};

/** SDK v1 over the transport of 2024. */
export function connectSse(url: string, principal: string, revision: string): Promise<Player> {
  const { fetch, lastPost } = fetchAs(principal);
  const transport = new SSEClientTransport(new URL(`${url}/sse`), { fetch });
  return connectV1(transport, revision, { lastPost, end: async () => undefined });
}

/** SDK v1 over Streamable HTTP. */
export function connectV1Http(url: string, principal: string, revision: string): Promise<Player> {
  const { fetch, lastPost } = fetchAs(principal);
  const transport = new HttpV1(new URL(url), { fetch });
  // SDK v1 was not compiled with exactOptionalPropertyTypes.
  return connectV1(transport as TransportV1, revision, { lastPost, end: () => transport.terminateSession() });
}

function connectV1(
  transport: TransportV1,
  revision: string,
  { lastPost, end }: { lastPost(): SentPost; end(): Promise<void> },
): Promise<Player> {
  // SDK v1 always asks for its newest revision; this is the one place where an older one can be asked for.
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    if ('method' in message && message.method === 'initialize' && message.params !== undefined) {
      return send({ ...message, params: { ...message.params, protocolVersion: revision } }, options);
    }
    return send(message, options);
  };
  return new LegacyPlayer().open(async (answer) => {
    const client = new ClientV1(
      { name: `sdk-v1-${revision}`, version: '1' },
      { capabilities: capabilitiesOf(revision) },
    );
    const elicits = revision >= '2025-06-18';
    if (elicits) {
      client.setRequestHandler(
        ElicitRequestSchema,
        async ({ method }, { requestId }) => await answer(method, requestId),
      );
    }
    client.setRequestHandler(
      CreateMessageRequestSchema,
      async ({ method }, { requestId }) => (await answer(method, requestId)) as never,
    );
    client.setRequestHandler(
      ListRootsRequestSchema,
      async ({ method }, { requestId }) => (await answer(method, requestId)) as never,
    );
    await client.connect(transport);
    return {
      callTool: (name, args) => client.callTool({ name, arguments: args }),
      wire: transport as Wire,
      lastPost,
      close: async () => {
        await end();
        await client.close();
      },
    };
  });
}

/** SDK v2 over Streamable HTTP, speaking one legacy revision. */
export function connectV2Http(url: string, principal: string, revision: string): Promise<Player> {
  const { fetch, lastPost } = fetchAs(principal);
  const transport = new HttpV2(new URL(url), { fetch });
  return new LegacyPlayer().open(async (answer) => {
    const client = new ClientV2(
      { name: `sdk-v2-${revision}`, version: '1' },
      {
        capabilities: capabilitiesOf(revision),
        supportedProtocolVersions: [revision],
        versionNegotiation: { mode: 'legacy' },
      },
    );
    for (const method of ['elicitation/create', 'sampling/createMessage', 'roots/list'] as const) {
      client.setRequestHandler(method, async (_, ctx) => (await answer(method, ctx.mcpReq.id)) as never);
    }
    await client.connect(transport);
    return {
      callTool: (name, args) => client.callTool({ name, arguments: args }),
      wire: transport as Wire,
      lastPost,
      close: async () => {
        await transport.terminateSession();
        await client.close();
      },
    };
  });
}

function responseTo(id: unknown, result: unknown): { jsonrpc: '2.0'; id: unknown; result: unknown } {
  return { jsonrpc: '2.0', id, result };
}
