import { describe, expect, it } from 'vitest';
import { scanObject } from '../../jsonrpc/raw.ts';
import { META } from '../meta.ts';
import { type Envelope, missingEnvelopeFault, readEnvelope, validateEnvelope } from './envelope.ts';

const BASE = { [META.protocolVersion]: '2026-07-28', [META.clientCapabilities]: {} };

function readText(params: string) {
  return readEnvelope(scanObject(Buffer.from(params)));
}

function validateText(params: string) {
  const claim = readText(params);
  if (claim.claim === 'none') throw new Error('no claim');
  return validateEnvelope(claim);
}

function validateMeta(meta: Readonly<Record<string, unknown>>) {
  return validateText(JSON.stringify({ _meta: meta }));
}

function envelopeOf(params: string): Envelope {
  const checked = validateText(params);
  if (!checked.ok) throw new Error(checked.fault.message);
  return checked.value;
}

describe('readEnvelope', () => {
  it.each([
    '{}',
    '{"_meta":{}}',
    '{"_meta":"io.modelcontextprotocol/protocolVersion"}',
    '{"_meta":null}',
    `{"_meta":{"progressToken":1,"${META.clientInfo}":{}}}`,
    `{"${META.protocolVersion}":"2026-07-28"}`,
    '{"_meta":{},"_meta":{}}',
  ])('sees no claim in %s', (params) => expect(readText(params)).toEqual({ claim: 'none' }));

  it('sees no claim without params', () => expect(readEnvelope(undefined)).toEqual({ claim: 'none' }));

  it('takes the key alone for the claim, however it is spelled', () => {
    expect(readText(`{"_meta":{"${META.protocolVersion}":null}}`)).toMatchObject({
      claim: 'modern',
      version: undefined,
    });
    expect(readText('{"_meta":{"io.modelcontextprotocol\\/protocolVersio\\u006e":"2026-07-28"}}')).toMatchObject({
      claim: 'modern',
      version: '2026-07-28',
    });
  });
});

describe('validateEnvelope', () => {
  it('reads everything and keeps bytes', () => {
    const envelope = envelopeOf(
      `{"_meta":{"${META.protocolVersion}":"2026-07-28","${META.clientInfo}":{ "name":"é","version":"1","n":1e400},` +
        `"${META.clientCapabilities}":{"sampling":{}},"${META.logLevel}":"info","progressToken":9007199254740993,"x":1}}`,
    );
    expect(envelope.clientInfo?.toString()).toBe('{ "name":"é","version":"1","n":1e400}');
    expect({ ...envelope, clientInfo: undefined }).toEqual({
      revision: '2026-07-28',
      clientInfo: undefined,
      clientCapabilities: { sampling: {} },
      logLevel: 'info',
      progressToken: '9007199254740993',
    });
  });

  it('needs no clientInfo, log level or token', () => {
    expect(validateMeta(BASE)).toEqual({
      ok: true,
      value: {
        revision: '2026-07-28',
        clientInfo: undefined,
        clientCapabilities: {},
        logLevel: undefined,
        progressToken: undefined,
      },
    });
  });

  it('keeps a string token as its own bytes', () => {
    const token = '"\\u00e9 é"';
    const text = `{"_meta":{"${META.protocolVersion}":"2026-07-28","${META.clientCapabilities}":{},"progressToken":${token}}}`;
    expect(Buffer.from(envelopeOf(text).progressToken ?? '', 'latin1').toString()).toBe(token);
  });

  it.each(['2027-01-01', '2025-11-25', 'latest', ''])(
    'tells what is served instead of %j, before anything else',
    (version) => {
      expect(validateMeta({ [META.protocolVersion]: version, [META.logLevel]: 'loud' })).toMatchObject({
        ok: false,
        fault: {
          code: 'version.unsupported',
          rpc: -32022,
          http: 400,
          data: {
            supported: ['2026-07-28'],
            requested: version,
          },
        },
      });
    },
  );

  it('names the missing keys before it looks at the others', () => {
    expect(validateMeta({ [META.protocolVersion]: '2026-07-28', [META.logLevel]: 'loud' })).toMatchObject({
      ok: false,
      fault: { rpc: -32602, http: 400, data: { envelope: { missing: [META.clientCapabilities] } } },
    });
  });

  it.each([
    [META.protocolVersion, 20260728],
    [META.clientCapabilities, null],
    [META.clientCapabilities, []],
    [META.clientInfo, null],
    [META.clientInfo, { name: 'x' }],
    [META.logLevel, 'loud'],
    [META.logLevel, null],
    ['progressToken', null],
    ['progressToken', { a: 1 }],
    ['progressToken', true],
  ])('refuses %s = %j', (key, value) => {
    expect(validateMeta({ ...BASE, [key]: value })).toMatchObject({
      ok: false,
      fault: { rpc: -32602, http: 400, data: { envelope: { key } } },
    });
  });

  it.each([META.protocolVersion, META.clientCapabilities, META.clientInfo, META.logLevel, 'progressToken'])(
    'refuses a repeated %s',
    (key) => {
      // Attack: the gateway reads the last one, the server behind it the first.
      const meta = JSON.stringify(BASE).slice(1, -1);
      expect(validateText(`{"_meta":{"${key}":"a","${key}":"a",${meta}}}`)).toMatchObject({
        ok: false,
        fault: { rpc: -32602, data: { envelope: { key, problem: 'occurs twice' } } },
      });
    },
  );

  it.each(['first', 'last'])('refuses two _meta members, whichever claims (%s)', (which) => {
    // Attack: modern for the gateway, legacy for the server behind it.
    const claim = `"_meta":${JSON.stringify(BASE)}`;
    const params = which === 'first' ? `{${claim},"_meta":{}}` : `{"\\u005fmeta":{},${claim}}`;
    expect(validateText(params)).toMatchObject({ ok: false, fault: { data: { envelope: { key: '_meta' } } } });
  });
});

describe('missingEnvelopeFault', () => {
  it('names what the request must add', () => {
    const missing = (params: string | undefined) =>
      missingEnvelopeFault(params === undefined ? undefined : scanObject(Buffer.from(params))).data;
    const both = ['_meta', META.protocolVersion, META.clientCapabilities];
    expect(missing(undefined)).toMatchObject({ envelope: { missing: both } });
    expect(missing('{"_meta":3}')).toMatchObject({ envelope: { missing: both } });
    expect(missing(`{"_meta":{"${META.clientCapabilities}":{}}}`)).toMatchObject({
      envelope: { missing: [META.protocolVersion] },
    });
  });
});

describe('an envelope that is known already', () => {
  const params = (meta: object, rest = '') => `{"name":"x"${rest},"_meta":${JSON.stringify(meta)}}`;

  it('is read once, and shares nothing with the body it came in', () => {
    const meta = { ...BASE, [META.clientInfo]: { name: 'known', version: '1' } };
    const body = Buffer.from(params(meta, `,"arguments":{"text":"${'x'.repeat(50_000)}"}`));
    const first = readEnvelope(scanObject(body));
    if (first.claim === 'none') throw new Error('no claim');
    expect(first.meta.bytes.length).toBeLessThan(1_000);
    expect(readText(params(meta))).toBe(first);
    expect(validateEnvelope(first)).toBe(validateEnvelope(first));
    body.fill(0x20);
    expect(envelopeOf(params(meta)).clientInfo?.toString()).toBe('{"name":"known","version":"1"}');
  });

  it('is another one with each token', () => {
    expect(envelopeOf(params({ ...BASE, progressToken: 1 })).progressToken).toBe('1');
    expect(envelopeOf(params({ ...BASE, progressToken: 2 })).progressToken).toBe('2');
  });

  // Attack: a sound `_meta` is sent first, then the same text twice in one request, so that what is known of the first hides the second.
  it('attack: a repeated _meta is refused, however well each of them is known', () => {
    const text = JSON.stringify(BASE);
    expect(validateText(`{"_meta":${text}}`).ok).toBe(true);
    expect(validateText(`{"_meta":${text},"_meta":${text}}`).ok).toBe(false);
  });
});

describe('a progress token, which is another one in each request', () => {
  const base = JSON.stringify(BASE).slice(1, -1);

  it('does not make another client of its sender', () => {
    const [first, second] = [1, 2].map((token) => envelopeOf(`{"_meta":{${base},"progressToken":${token}}}`));
    expect([first?.progressToken, second?.progressToken]).toEqual(['1', '2']);
    expect(first?.clientCapabilities).toBe(second?.clientCapabilities);
  });

  // The spelling with a blank is read in the general way.
  it.each(['1', '"t"', '""', '"é"', '"a\\"b"', '-1', '1.5', '1e400', 'null', 'true', '{}', '[1]'])(
    'is read alike wherever it stands and however it is spelled: %s',
    (token) => {
      const seen = ['"progressToken":', '"progressToken" : '].flatMap((key) =>
        [
          `{${key}${token},${base}}`,
          `{${base},${key}${token}}`,
          `{"a":1,${key}${token},${base}}`,
          // A fault of something else is told first, or after it.
          `{${base},"${META.clientInfo}":1,${key}${token}}`,
          `{${base},"${META.logLevel}":"loud",${key}${token}}`,
          `{"${META.clientCapabilities}":{},"${META.protocolVersion}":"2030-01-01",${key}${token}}`,
        ].map((meta) => validateText(`{"_meta":${meta}}`)),
      );
      expect(seen.slice(0, 6)).toEqual(seen.slice(6));
    },
  );

  // Attack: two tokens, so that the gateway and the server behind it see two different ones.
  it.each([
    `{"progressToken":1,${base},"progressToken":2}`,
    `{"progress\\u0054oken":1,${base},"progressToken":2}`,
    `{"progressToken":1,${base},"progress\\u0054oken":2}`,
    `{${base},"progressToken":1,"progressToken":2}`,
  ])('is refused where there are two: %s', (meta) => {
    expect(validateText(`{"_meta":${meta}}`)).toMatchObject({ ok: false, fault: { code: 'envelope.incomplete' } });
  });
});
