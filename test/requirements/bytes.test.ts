import { describe, expect } from 'vitest';
import { META, MODERN, modernMessage, openSession } from './support/clients.ts';
import { startGateway } from './support/gateway.ts';
import { at } from './support/json.ts';
import { legacyScript, modernScript } from './support/scripted-eras.ts';
import { resultOf, type Script, sendJson, startScripted } from './support/scripted-upstream.ts';
import { post } from './support/wire.ts';
import { verifies } from './verifies.ts';

// Spelling, key order, doubtful numbers and escapes that a parse and a stringify would not survive.
const ODD = '{"z":1.0,"a":12345678901234567890,"m":[1E5,-0,0.10],"\\u0061b":"\\/\\u00e9é","b":{"2":1,"1":2},"n":null}';
const ARGS = `{"odd":${ODD},"deep":[[[${ODD}]]]}`;
const BLOCK = `{"type":"text","text":"x","x-own":${ODD}}`;

const ERAS: readonly { era: 'legacy' | 'modern'; script: (result: string) => Script; envelope: string }[] = [
  { era: 'legacy', envelope: '', script: (result) => legacyScript({ instead: answerCall(result) }) },
  {
    era: 'modern',
    envelope: '"resultType":"complete",',
    script: (result) => modernScript({ instead: answerCall(result) }),
  },
];

function answerCall(result: string): (...args: Parameters<Script>) => boolean {
  return (request, response) => {
    if (request.message?.['method'] !== 'tools/call') return false;
    sendJson(response, 200, resultOf(request, result));
    return true;
  };
}

describe.each(ERAS)('bytes to and from a $era server', ({ era, script, envelope }) => {
  const serverInfo = `"_meta":{"${META.serverInfo}":{"name":"scripted","version":"1"},"own":${ODD}}`;
  const result = `{"content":[ ${BLOCK} ],${envelope}"x-extra": ${ODD},${serverInfo}}`;
  const legacyCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"act", "arguments": ${ARGS}}}`;
  const modernCall = (): string =>
    modernMessage('tools/call', { name: 'act', arguments: 'HERE' }).body.replace('"HERE"', ` ${ARGS}`);

  verifies(
    ['gateway.bytes.same-era', 'gateway.bytes.numbers'],
    'pass unchanged from clients of both eras',
    async () => {
      await using upstream = await startScripted(script(result));
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era } } });
      const session = await openSession(gateway.url);
      const { headers } = modernMessage('tools/call', { name: 'act' });
      const legacy = await post(gateway.url, legacyCall, session.headers);
      const modern = await post(gateway.url, modernCall(), headers);
      for (const answer of [legacy, modern]) {
        expect(answer.status).toBe(200);
        expect(answer.text).toContain(BLOCK);
        // White space between members is no part of either.
        expect(answer.text.replace('"x-extra": ', '"x-extra":')).toContain(`"x-extra":${ODD}`);
        expect(answer.text).toContain(`"own":${ODD}`);
      }
      // Between legs of one revision not a byte is touched.
      const same = era === 'legacy' ? legacy : modern;
      expect(same.text).toBe(`{"jsonrpc":"2.0","id":1,"result":${result}}`);
      for (const call of upstream.calls('tools/call')) expect(call.body).toContain(ARGS);
    },
  );

  verifies(['gateway.legs.meta'], 'carry the _meta of the client but for what belongs to its leg', async () => {
    await using upstream = await startScripted(script(result));
    await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era } } });
    const trace = {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01',
      'com.example/own': { a: 1 },
    };
    const session = await openSession(gateway.url);
    await session.request('tools/call', { name: 'act', _meta: { ...trace, progressToken: 'mine' } });
    const { body, headers } = modernMessage(
      'tools/call',
      { name: 'act' },
      { meta: { ...trace, progressToken: 'mine' } },
    );
    await post(gateway.url, body, headers);
    const calls = upstream.calls('tools/call');
    expect(calls).toHaveLength(2);
    for (const { message } of calls) {
      const meta = at(message, 'params', '_meta');
      expect(meta).toMatchObject(trace);
      expect(at(meta, 'progressToken')).not.toBe('mine');
      expect(at(meta, META.version)).toBe(era === 'modern' ? MODERN : undefined);
      expect(at(meta, META.capabilities) === undefined).toBe(era === 'legacy');
    }
  });
});
