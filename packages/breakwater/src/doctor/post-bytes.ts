import type { HeaderLines } from './exchange.ts';
import { BOTH } from './send.ts';
import type { Wire } from './wire.ts';

/** A POST to the endpoint as the bytes of HTTP/1.1, with header lines after the usual ones, whatever they contradict. */
export function postBytes(wire: Wire, body: string, after: HeaderLines = []): string {
  const { url } = wire.target;
  const lines: HeaderLines = [
    ['Host', url.host],
    ['Accept', BOTH],
    ['Content-Type', 'application/json'],
    ...wire.extra,
    ['Content-Length', String(Buffer.byteLength(body))],
    ...after,
  ];
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `POST ${url.pathname}${url.search} HTTP/1.1\r\n${head}\r\n${body}`;
}
