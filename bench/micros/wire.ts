import { acceptsOf, isJsonMediaType } from '../../packages/breakwater/src/wire/content-type.ts';
import { readCaller } from '../../packages/breakwater/src/wire/forwarded.ts';
import { networkOf, readIp } from '../../packages/breakwater/src/wire/ip.ts';
import { createLineSplitter, jsonLine } from '../../packages/breakwater/src/wire/ndjson.ts';
import { readProxyHeader } from '../../packages/breakwater/src/wire/proxy-header.ts';
import { createSseParser } from '../../packages/breakwater/src/wire/sse-parser.ts';
import { sseComment, sseEvent } from '../../packages/breakwater/src/wire/sse-writer.ts';
import { INPUTS } from './inputs.ts';
import type { Micro } from './micro.ts';

const EVENT = sseEvent({ event: 'message', id: 'c3RyZWFt_1', data: INPUTS.answer });
const TEN_EVENTS = Buffer.concat(Array.from({ length: 10 }, () => EVENT));
const LINES = Buffer.concat(Array.from({ length: 10 }, () => jsonLine(INPUTS.answer)));
const PROXY_LINE = Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 51324 443\r\n');
const CONNECTION = { peer: '10.0.0.5', protocol: 'http', isUnnamed: false, httpsPort: undefined } as const;
const HEADERS = { 'x-forwarded-for': '203.0.113.9, 10.0.0.4', 'x-forwarded-proto': 'https', host: 'mcp.example.com' };
const TRUSTING = { family: 'x-forwarded', isTrusted: (address: string) => address.startsWith('10.') } as const;
let seen = 0;
const count = (): void => void seen++;
const parser = createSseParser(count, { maxEventBytes: 1_048_576 });
const splitter = createLineSplitter(count, { maxLineBytes: 1_048_576, onOverflow: count });

/** Bytes of the transports. */
export const wireMicros: readonly Micro[] = [
  { name: 'wire/sse parser, one event', run: () => parser.push(EVENT) },
  { name: 'wire/sse parser, ten events in one chunk', run: () => parser.push(TEN_EVENTS) },
  { name: 'wire/sseEvent 140 B', run: () => sseEvent({ id: 'c3RyZWFt_1', data: INPUTS.answer }) },
  { name: 'wire/sseEvent 41 KB', run: () => sseEvent({ id: 'c3RyZWFt_1', data: INPUTS.list }) },
  { name: 'wire/sseComment', run: () => sseComment('keep-alive') },
  { name: 'wire/line splitter, ten lines in one chunk', run: () => splitter.push(LINES) },
  { name: 'wire/jsonLine 140 B', run: () => jsonLine(INPUTS.answer) },
  { name: 'wire/acceptsOf', run: () => acceptsOf('text/event-stream;q=0.9, application/json') },
  { name: 'wire/isJsonMediaType', run: () => isJsonMediaType('application/json; charset=utf-8') },
  { name: 'wire/readIp', run: () => readIp('2001:db8::7') },
  { name: 'wire/networkOf', run: () => networkOf('203.0.113.9') },
  { name: 'wire/readProxyHeader', run: () => readProxyHeader(PROXY_LINE) },
  {
    name: 'wire/readCaller behind two proxies',
    run: () => readCaller(CONNECTION, HEADERS, TRUSTING),
  },
];
