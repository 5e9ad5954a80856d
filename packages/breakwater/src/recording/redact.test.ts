import { describe, expect, it } from 'vitest';
import type { HeaderLines } from '../doctor/exchange.ts';
import { Pseudonyms } from './pseudonyms.ts';
import { redactAddress, redactHeaders, redactPath, redactQuery } from './redact-head.ts';
import { redactJson } from './redact-json.ts';
import { isPlainName, scrub } from './secrets.ts';

const names = new Pseudonyms(Buffer.alloc(32, 7));
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJlLW9mLXRoaXM';
/** What attackers would like to find in a recording. */
const SECRETS = [
  JWT,
  'sk-proj-4f8a2b7c9d1e3f5a',
  'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
  'xoxb-2345678901-abcdefABCDEF',
  'AKIAIOSFODNN7EXAMPLE',
  'AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY',
  'ya29.a0AfH6SMBx7',
  '3f9c1a7b5d2e8f60417283940a5b6c7d',
  '8a58cfe0-1f6c-4a8e-b8f1-0f5d3a9c7e21',
];

function headersOf(lines: HeaderLines, keepValues = false): Record<string, string> {
  return Object.fromEntries(redactHeaders(lines, names, keepValues));
}

describe('secrets', () => {
  it.each(SECRETS)('%s is seen wherever it stands', (secret) => {
    for (const text of [secret, `say ${secret} now`, `{"x":"${secret}"}`, `https://h/p?q=${secret}&r=1`]) {
      expect(scrub(text)).not.toContain(secret);
    }
    expect(isPlainName(secret)).toBe(false);
  });

  it.each([
    'access_token=short1',
    'api_key: hunter2',
    'password="correct horse"',
    'Authorization: Bearer tiny-one',
    'postgres://admin:s3same@db/x',
    '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----',
    '-----BEGIN PRIVATE KEY-----\nMIIB cut',
  ])('%j loses its secret', (text) => {
    expect(scrub(text)).not.toMatch(/short1|hunter2|horse"|tiny-one|s3same|MIIB/);
  });

  it.each([
    'search_issues',
    'key_rotation',
    'api_status',
    'tools/list',
    'oauth-protected-resource',
    'python-httpx/0.28.1',
  ])('%s is a plain name', (name) => expect(isPlainName(name)).toBe(true));

  // Attack: a text that makes a pattern try every way to read it would stop the proxy.
  it.each(['a', '_', '-', '.', ' ', 'eyJ', 'token ', 'key=', '://', '-----BEGIN A-----', '0:', '1.'])(
    'reads 200 kB of %j to the end',
    (part) => expect(scrub(part.repeat(200_000 / part.length)).length).toBeGreaterThan(0),
  );
});

describe('heads', () => {
  it('keeps what says how, and the scheme of a credential', () => {
    expect(
      headersOf([
        ['Accept', 'application/json'],
        ['Authorization', `Bearer ${JWT}`],
        ['Mcp-Protocol-Version', '2025-06-18'],
        ['Mcp-Method', 'tools/call'],
        ['Mcp-Name', 'echo'],
      ]),
    ).toEqual({
      Accept: 'application/json',
      Authorization: 'Bearer ‹secret›',
      'Mcp-Protocol-Version': '2025-06-18',
      'Mcp-Method': 'tools/call',
      'Mcp-Name': 'echo',
    });
  });

  // Attack: a credential in a header that no list of credential headers knows.
  it.each([
    'X-My-Companys-Pass',
    'Cookie',
    'X-Amz-Security-Token',
    'PRIVATE-TOKEN',
    'X-Debug',
    'Referer',
    'Mcp-Param-Region',
  ])('hides the value of %s', (name) => expect(headersOf([[name, 'open sesame']])[name]).toBe('‹hidden›'));

  // Attack: what somebody reads is said twice, in the body and in Mcp-Name; the recording is handed on because values are hidden in it.
  it.each([
    ['resources/read', 'file:///home/alice/medical/hiv-test-result.pdf'],
    ['resources/subscribe', 'customer:Jane Doe/invoice 42'],
    ['tools/call', 'file:///home/alice/medical/hiv-test-result.pdf'],
    ['resources/read', 'Jane Doe'],
    ['completion/complete', 'Jane Doe'],
  ])('hides the Mcp-Name of %s', (method, value) => {
    const headers = headersOf([
      ['Mcp-Name', value],
      ['Mcp-Method', method],
    ]);
    expect(headers['Mcp-Name']).toMatch(/^‹(string|uri file) \d+›$/);
    expect(headersOf([['Mcp-Name', value]])['Mcp-Name']).toMatch(/^‹/);
    // Attack: one method for each reader of the headers.
    const twice = headersOf([
      ['Mcp-Method', 'tools/call'],
      ['mcp-method', 'resources/read'],
      ['Mcp-Name', value],
    ]);
    expect(twice['Mcp-Name']).toMatch(/^‹/);
  });

  // Attack: crawlers and scripts write whom to ask into User-Agent.
  it.each([
    ['probe/1 (+mailto:bob@example.com; 10.1.2.3)', 'probe/1 (+mailto:‹mailbox›; ‹address›)'],
    ['probe/1 (bob.the+builder@mail.example.co.uk)', 'probe/1 (‹mailbox›)'],
    ['probe/1 <jörg@exämple.de>', 'probe/1 <‹mailbox›>'],
    ['probe/1 contact=bob%40example.com', 'probe/1 contact=‹mailbox›'],
    ['alice@workstation python/3', '‹mailbox› python/3'],
    [`${'a'.repeat(100)}@example.com`, `${'a'.repeat(36)}‹mailbox›`],
    ['node (@modelcontextprotocol/sdk 1.2)', 'node (@modelcontextprotocol/sdk 1.2)'],
  ])('hides who is named in %j', (value, shown) =>
    expect(headersOf([['User-Agent', value]])['User-Agent']).toBe(shown),
  );

  // Attack: a proxy has decoded the slashes of a resource's URI, and each part of it is a plain word.
  it('hides which resource a path names', () => {
    const shown = redactPath('/api/resources/file:///home/alice/medical/hiv', names);
    expect(shown).toMatch(/^\/api\/resources\/‹ref [\w-]+›/);
    expect(shown).not.toMatch(/home|alice|medical|hiv/);
    expect(redactPath('/api/resources/answers', names)).toBe('/api/resources/answers');
    expect(redactPath('/api/resources', names)).toBe('/api/resources');
  });

  it('reads any mailbox in time that grows no faster than its text', () => {
    for (const part of ['a', 'a@', '@', '%40', 'a.', 'ö'])
      expect(headersOf([['User-Agent', part.repeat(60_000)]])['User-Agent']).toBeDefined();
  });

  // Attack: a credential where a value is kept: in User-Agent, Accept, or the name of a header.
  it.each(SECRETS)('hides %s in kept headers and in header names', (secret) => {
    const shown = JSON.stringify(
      redactHeaders(
        [
          ['User-Agent', `me/1 (${secret})`],
          ['Accept', `text/x;k=${secret}`],
          [secret, 'v'],
        ],
        names,
        true,
      ),
    );
    for (const part of secret.split('.')) expect(shown).not.toContain(part);
  });

  it('drops addresses', () => {
    const lines: HeaderLines = [
      ['X-Forwarded-For', '203.0.113.9'],
      ['Forwarded', 'for=203.0.113.9'],
      ['CF-Connecting-IP', '2001:db8::1'],
      ['Via', '1.1 proxy.corp'],
      ['User-Agent', 'probe (203.0.113.9; 2001:db8:0:1::9)'],
    ];
    expect(headersOf(lines)).toEqual({ 'User-Agent': 'probe (‹address›; ‹address›)' });
  });

  it('gives a session the same name everywhere, and another recording another', () => {
    const id = '8a58cfe0-1f6c-4a8e-b8f1-0f5d3a9c7e21';
    const name = names.of('session', id);
    expect(headersOf([['mcp-session-id', id]])['mcp-session-id']).toBe(name);
    expect(redactQuery(`?session_id=${id}&limit=20`, names)).toEqual([
      ['session_id', name],
      ['limit', '‹string 2›'],
    ]);
    expect(redactAddress(`https://host/messages/?sessionId=${id}`, names)).toBe(`/messages/?sessionId=${name}`);
    expect(new Pseudonyms(Buffer.alloc(32, 8)).of('session', id)).not.toBe(name);
  });

  it.each([...SECRETS, 'me@example.com', '%2e%2e', 'a b', 'ünï'])('hides the path segment %s', (segment) => {
    expect(redactPath(`/mcp/${segment}/x`, names)).toMatch(/^\/mcp\/‹ref [\w-]{12}›\/x$/);
  });

  it.each(SECRETS)('hides the parameter %s, as a name and as a value', (secret) => {
    const shown = JSON.stringify(redactQuery(`?${secret}=1&access_token=${secret}`, names));
    expect(shown).not.toContain(secret);
  });
});

describe('bodies', () => {
  const call = {
    jsonrpc: '2.0',
    id: 7,
    method: 'tools/call',
    params: {
      name: 'send_mail',
      arguments: {
        to: 'me@example.com',
        body: 'hello',
        url: 'https://x.example/?k=1',
        card: 4111111111111111,
        urgent: true,
        none: null,
      },
      _meta: { progressToken: 3, 'io.modelcontextprotocol/protocolVersion': '2026-07-28' },
    },
  };

  it('keeps the envelope and the shape of arguments', () => {
    expect(redactJson(call, { names, keepValues: false })).toEqual({
      ...call,
      params: {
        ...call.params,
        arguments: {
          to: '‹string 14›',
          body: '‹string 5›',
          url: '‹uri https 22›',
          card: '‹integer›',
          urgent: true,
          none: null,
        },
      },
    });
  });

  it('keeps values when asked to, but no credentials', () => {
    const value = {
      jsonrpc: '2.0',
      id: 1,
      result: { text: `key ${SECRETS[1]}`, password: 'open', apiKey: 'x', n: 12, cursor: 'next' },
    };
    expect(redactJson(value, { names, keepValues: true })).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: {
        text: 'key ‹secret›',
        password: '‹secret›',
        apiKey: '‹secret›',
        n: 12,
        cursor: names.of('ref', 'next'),
      },
    });
  });

  // Attack: a member that calls itself a word of the protocol to be kept.
  it.each([
    { jsonrpc: '2.0', 'params/name': 'my name' },
    { jsonrpc: '2.0', params: { arguments: { name: 'my name', method: 'my name', protocolVersion: 'my name' } } },
    { jsonrpc: '2.0', result: { structuredContent: { method: 'my name', type: 'my name', id: 'my name' } } },
    { method: 'my name', id: 'my name', params: { name: 'my name' } },
  ])('hides the value in %j', (value) => {
    expect(JSON.stringify(redactJson(value, { names, keepValues: false }))).not.toContain('my name');
  });

  // Attack: personal data as the name of a member, or in a place whose words are kept.
  it('hides names of members that are no plain names, and long words', () => {
    const value = {
      jsonrpc: '2.0',
      method: 'x'.repeat(500),
      id: JWT,
      params: { name: `a${JWT}`, arguments: { 'me@example.com': 1, [JWT]: 2 } },
    };
    const shown = JSON.stringify(redactJson(value, { names, keepValues: false }));
    for (const secret of ['example.com', 'xxxxxxxxxx', JWT]) expect(shown).not.toContain(secret);
  });

  // Attack: __proto__ as a member would change the record, not stand in it.
  it('takes __proto__ for a name like another', () => {
    const redacted = redactJson(JSON.parse('{"jsonrpc":"2.0","params":{"__proto__":{"polluted":true}}}'), {
      names,
      keepValues: false,
    });
    expect(JSON.stringify(redacted)).toContain('"__proto__":{"polluted":true}');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  // Attack: nesting that overflows the stack of whoever walks it.
  it('gives up on what is nested too deeply', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`);
    expect(JSON.stringify(redactJson({ jsonrpc: '2.0', params: deep }, { names, keepValues: true }))).toContain(
      '‹deep›',
    );
  });
});
