import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode, GatewayError, isGatewayError, toGatewayError } from './errors.ts';

const page = readFileSync(join(import.meta.dirname, '../../../../docs/errors.md'), 'utf8');
const codes = Object.keys(ERRORS) as ErrorCode[];

describe('docs/errors.md', () => {
  it.each(codes)('describes %s as the table has it', (code) => {
    const { rpc, http, side, message } = ERRORS[code];
    expect(page).toContain(`| [\`${code}\`](#${code.replaceAll('.', '')}) | ${rpc} | ${http} | ${side} |\n`);
    expect(page).toContain(`\n## ${code}\n\n> ${message}\n\n`);
  });

  it('describes nothing else', () => {
    const sections = [...page.matchAll(/^## (.+)$/gm)].map((match) => match[1]);
    expect(sections).toEqual(codes);
  });
});

// The wire numbers are public. Changing one of these literals is a breaking change.
it('pins the codes and their numbers', () => {
  const pinned = Object.fromEntries(codes.map((code) => [code, `${ERRORS[code].rpc} ${ERRORS[code].http}`]));
  expect(pinned).toMatchInlineSnapshot(`
    {
      "audit.unavailable": "-32603 503",
      "body.invalid": "-32600 400",
      "body.media-type": "-32600 415",
      "body.parse": "-32700 400",
      "body.timeout": "-32600 408",
      "body.too-large": "-32600 413",
      "call.unknown": "-32602 404",
      "capability.missing": "-32021 400",
      "cursor.expired": "-32602 400",
      "envelope.incomplete": "-32602 400",
      "envelope.mismatch": "-32020 400",
      "exchange.cancelled": "-32603 200",
      "fleet.node-lost": "-32603 200",
      "fleet.owner-gone": "-32603 503",
      "gateway.draining": "-32603 503",
      "gateway.internal": "-32603 500",
      "gateway.overloaded": "-32603 503",
      "method.unknown": "-32601 404",
      "name.unknown": "-32602 404",
      "params.invalid": "-32602 400",
      "request.accept": "-32600 406",
      "request.batch": "-32600 400",
      "request.host": "-32600 403",
      "request.https": "-32600 308",
      "request.method": "-32600 405",
      "request.origin": "-32600 403",
      "request.path": "-32600 404",
      "request.proxy-header": "-32600 400",
      "request.rate": "-32600 429",
      "resource.unknown": "-32002 200",
      "session.handshake": "-32600 400",
      "session.limit": "-32600 429",
      "session.missing": "-32600 400",
      "session.unknown": "-32001 404",
      "store.unavailable": "-32603 503",
      "stream.conflict": "-32600 409",
      "stream.lost": "-32603 200",
      "upstream.auth": "-32603 200",
      "upstream.busy": "-32603 200",
      "upstream.error": "-32603 502",
      "upstream.headers": "-32603 200",
      "upstream.invalid": "-32603 200",
      "upstream.lost": "-32603 200",
      "upstream.result-type": "-32603 200",
      "upstream.session-lost": "-32603 200",
      "upstream.subscription": "-32602 200",
      "upstream.timeout": "-32603 200",
      "upstream.too-large": "-32603 200",
      "upstream.unavailable": "-32603 200",
      "upstream.version": "-32603 200",
      "version.header": "-32600 400",
      "version.unsupported": "-32022 400",
    }
  `);
});

describe('GatewayError', () => {
  it('shows only its public text and keeps the cause for the log', () => {
    const error = new GatewayError('upstream.lost', { cause: new Error('ECONNRESET at 10.0.0.7') });
    expect(error.message).toBe(ERRORS['upstream.lost'].message);
    expect(JSON.stringify(error)).not.toContain('10.0.0.7');
    expect(error.row).toBe(ERRORS['upstream.lost']);
  });

  it('is recognised across copies of the package, and nothing else is', () => {
    expect(isGatewayError({ [Symbol.for('breakwater.error')]: true })).toBe(true);
    expect(isGatewayError(new Error('x'))).toBe(false);
    expect(toGatewayError('boom')).toMatchObject({ code: 'gateway.internal', cause: 'boom' });
  });
});
