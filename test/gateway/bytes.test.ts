/** What a translation does not concern passes byte by byte, and what belongs to one leg stays on it. */
import { describe, expect, it } from 'vitest';
import { META, modernMessage, openSession } from '../requirements/support/clients.ts';
import { startGateway } from '../requirements/support/gateway.ts';
import { at, textAt } from '../requirements/support/json.ts';
import { type Headers, post, stream, type WireAnswer } from '../requirements/support/wire.ts';
import { CLIENT_ERAS } from './support/ask.ts';
import type { ClientEra } from './support/field-mix.ts';
import { FORM, ODD, SECRETS, type ServerEra, startRawServer, WRITTEN } from './support/raw-server.ts';

/** Larger than 2^53: a number that JavaScript cannot hold. */
const ID = '9007199254740993';
const OWN_TOKEN = '"own-token-\\u0061"';
const ARGUMENTS = `{"n":9007199254740993,"odd":${ODD},"deep":[[[${ODD}]]]}`;
const OWN_PARAM = `"x-own":${ODD}`;
const OWN_META = `"com.example/own":${ODD}`;
const CONTENT = '{"n":9007199254740993,"s":"\\u00e9\\/","z":1.0,"a":[1E2,{"2":1,"1":2}]}';

const SERVER_ERAS: readonly ServerEra[] = ['legacy', 'modern'];
const TRANSPORTS = ['http', 'stdio'] as const;
const PAIRS = SERVER_ERAS.flatMap((server) => TRANSPORTS.map((transport) => ({ server, transport })));

/** A client of one era that sends params as they are written here. */
interface RawClient {
  readonly sessionId: string | undefined;
  post(method: string, name: string, members: string, meta?: string): Promise<WireAnswer>;
  /** Sends a response to the server. */
  answer(body: string): Promise<WireAnswer>;
  readonly headers: Headers;
  write(
    method: string,
    name: string,
    members: string,
    meta?: string,
  ): { readonly body: string; readonly headers: Headers };
}

async function connect(url: string, era: ClientEra): Promise<RawClient> {
  // What a client sends in headers is for the gateway.
  const own = { 'last-event-id': 'client-event' };
  const capabilities = { elicitation: { form: {} } };
  const session = era === 'legacy' ? await openSession(url, { capabilities }) : undefined;
  const write: RawClient['write'] = (method, name, members, meta = '') => {
    const address = method === 'resources/read' ? { uri: name } : { name };
    const plain = Object.entries(address).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    if (session !== undefined) {
      const params = `{${[...plain, members, `"_meta":{${meta}}`].filter(Boolean).join(',')}}`;
      return {
        body: `{"jsonrpc":"2.0","id":${ID},"method":"${method}","params":${params}}`,
        headers: { ...session.headers, ...own },
      };
    }
    const { headers } = modernMessage(method, address);
    const envelope = `"${META.version}":"2026-07-28","${META.capabilities}":${JSON.stringify(capabilities)},"${META.logLevel}":"debug"`;
    const whole = [envelope, meta].filter(Boolean).join(',');
    const params = `{${[...plain, members, `"_meta":{${whole}}`].filter(Boolean).join(',')}}`;
    return {
      body: `{"jsonrpc":"2.0","id":${ID},"method":"${method}","params":${params}}`,
      headers: { ...headers, ...own },
    };
  };
  return {
    sessionId: session?.id,
    headers: session?.headers ?? {},
    write,
    post: async (...message) => {
      const { body, headers } = write(...message);
      return await post(url, body, headers);
    },
    answer: (body) => post(url, body, session?.headers ?? {}),
  };
}

describe.each(CLIENT_ERAS)('from %s clients', (era) => {
  describe.each(PAIRS)('to a $server server over $transport', ({ server, transport }) => {
    it('bytes pass unchanged in both directions', async () => {
      await using upstream = await startRawServer(server, transport);
      await using gateway = await startGateway({ upstreams: { it: upstream.config } });
      const client = await connect(gateway.url, era);

      const called = await client.post(
        'tools/call',
        'act',
        `"arguments":${ARGUMENTS},${OWN_PARAM}`,
        `${OWN_META},"progressToken":${OWN_TOKEN}`,
      );
      const call = upstream.received().find((body) => body.includes('"tools/call"'));
      for (const part of [`"arguments":${ARGUMENTS}`, OWN_PARAM, OWN_META]) expect(call).toContain(part);
      const { block, structured, extra, meta, progress, log } = WRITTEN;
      for (const part of [block, structured, extra, meta, progress, log]) expect(called.text).toContain(part);
      expect(called.text).toContain(`"progressToken":${OWN_TOKEN}`);
      expect(called.text).toContain(`"id":${ID}`);

      expect((await client.post('tools/call', 'fail', '"arguments":{}')).text).toContain(WRITTEN.data);
      expect((await client.post('resources/read', 'test://a', OWN_PARAM)).text).toContain(WRITTEN.contents);
      expect((await client.post('tools/list', 'none', '')).text).toContain(WRITTEN.tool);
    });

    it('a question and its answer keep their bytes', async () => {
      await using upstream = await startRawServer(server, transport);
      await using gateway = await startGateway({ upstreams: { it: upstream.config } });
      const client = await connect(gateway.url, era);
      const accepted = `{"action":"accept","content":${CONTENT}}`;
      let question: string;
      let answered: string;
      if (era === 'legacy') {
        const { body, headers } = client.write('tools/call', 'ask', '"arguments":{}');
        const call = await stream('POST', gateway.url, headers, body);
        question = (await call.reader.next())?.data ?? '';
        const id = JSON.stringify(at(JSON.parse(question), 'id'));
        expect((await client.answer(`{"jsonrpc":"2.0","id":${id},"result":${accepted}}`)).status).toBe(202);
        answered = (await call.reader.next())?.data ?? '';
      } else {
        const asked = await client.post('tools/call', 'ask', '"arguments":{}');
        question = asked.text;
        const result = at(asked.messages().at(-1), 'result');
        const [key = ''] = Object.keys(Object(at(result, 'inputRequests')));
        const state = JSON.stringify(textAt(result, 'requestState'));
        const retry = `"arguments":{},"inputResponses":{${JSON.stringify(key)}:${accepted}},"requestState":${state}`;
        answered = (await client.post('tools/call', 'ask', retry)).text;
      }
      expect(question).toContain(`"requestedSchema":${FORM}`);
      if (era === server) expect(question).toContain(`{${WRITTEN.question}}`);
      expect(upstream.received().at(-1)).toContain(`"content":${CONTENT}`);
      expect(answered).toContain('"text":"thanks"');
      expect(answered).toContain(`"id":${ID}`);
      // The server's own id belongs to its leg.
      if (server === 'legacy') expect(at(JSON.parse(lastEvent(question)), 'id')).not.toBe(SECRETS.request);
    });

    it('ids, tokens, sessions and versions stay on their leg', async () => {
      await using upstream = await startRawServer(server, transport);
      await using gateway = await startGateway({ upstreams: { it: upstream.config } });
      const client = await connect(gateway.url, era);
      const answers = [
        await client.post('tools/call', 'act', '"arguments":{}', `"progressToken":${OWN_TOKEN}`),
        await client.post('tools/list', 'none', ''),
        await client.post('resources/read', 'test://a', ''),
      ];
      // Attack: a server that learns ids of the client's leg, or a client that learns those of the server's, could speak there in another's name.
      const sent = upstream.received().join('\n');
      for (const own of [ID, 'own-token', 'client-event', client.sessionId ?? 'no session'])
        expect(sent).not.toContain(own);
      for (const { text, headers } of answers) {
        expect(text).not.toContain(SECRETS.event);
        expect(`${text} ${JSON.stringify(headers)}`).not.toContain(SECRETS.session);
        if (era === 'modern') expect(headers['mcp-session-id']).toBeUndefined();
      }
      const revision = server === 'modern' ? '2026-07-28' : '2025-11-25';
      const requests = upstream.headers();
      expect(requests.length > 0).toBe(transport === 'http');
      for (const headers of requests) {
        expect(headers['mcp-protocol-version']).toBe(revision);
        expect(headers['last-event-id']).toBeUndefined();
        expect(headers['mcp-session-id']).toBe(server === 'legacy' ? SECRETS.session : undefined);
        expect(JSON.stringify(headers)).not.toContain(client.sessionId ?? 'no session');
      }
    });
  });
});

/** The last message of an answer, whatever its form. */
function lastEvent(text: string): string {
  return text.startsWith('{') ? text : (text.split('\n').findLast((line) => line.startsWith('data: {')) ?? '').slice(6);
}
