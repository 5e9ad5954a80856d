import type { HeaderLines } from '../doctor/exchange.ts';
import { isObject, type JsonObject } from '../protocol/capabilities.ts';
import { readPlaceholder } from './placeholder.ts';
import type { RecordedExchange } from './record.ts';
import type { References } from './references.ts';

/** A recorded request as it goes out, or why it does not. */
export type ReplayRequest =
  | {
      readonly ok: true;
      readonly method: string;
      readonly path: string;
      readonly headers: HeaderLines;
      readonly body: unknown;
      readonly isMadeUp: boolean;
    }
  | { readonly ok: false; readonly why: string };

/** What may be called. */
export interface ToolLeave {
  /** Every tool, and what is no JSON-RPC and no GET. */
  readonly all: boolean;
  /** Tools of which the live server says that they only read. */
  readonly readOnly: Set<string>;
}

// Attack: a recording from somebody else that brings its own framing, its own credentials or another Host.
const OWN =
  /^(host|content-length|transfer-encoding|connection|upgrade|te|trailer|expect|keep-alive|proxy-.*|authorization|cookie|x-api-key)$/;
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Makes the request of a recorded one: references by what the live server said, hidden values made up. */
export function requestFor(recorded: RecordedExchange, references: References, leave: ToolLeave): ReplayRequest {
  const { method, path, query, headers, body } = recorded.request;
  if (body.kind === 'hidden') return { ok: false, why: `its body was not recorded (${body.why})` };
  if (body.kind === 'events') return { ok: false, why: 'its body is no request' };
  const filled = references.fill(body.kind === 'json' ? body.value : undefined);
  if (filled.unknown.length > 0)
    return { ok: false, why: `nobody has said the ${filled.unknown.join(', ')} it gives back` };
  const refused = refusalOf(method, body.kind === 'json' ? body.value : undefined, headers, leave);
  if (refused !== undefined) return { ok: false, why: refused };
  const address = addressOf(path, query, references);
  if (address === undefined) return { ok: false, why: 'its address holds what was hidden' };
  const lines: [string, string][] = [];
  for (const [name, value] of headers) {
    if (OWN.test(name.toLowerCase())) continue;
    const found = readPlaceholder(value);
    if (found === undefined) {
      // Recorded next to something that was hidden, as in a User-Agent: better left out than half true.
      if (!value.includes('‹')) lines.push([name, value]);
      continue;
    }
    // An id that was stale when it was recorded is stale again, under any name.
    if (found.kind === 'session') lines.push([name, references.get(value) ?? `unknown-${found.detail}`]);
    else if (found.kind === 'event' && references.get(value) !== undefined)
      lines.push([name, references.get(value) ?? '']);
    else if (/^mcp-(param-|name$)/i.test(name)) return { ok: false, why: `${name} repeats a value that was hidden` };
  }
  return {
    ok: true,
    method,
    path: address.path,
    headers: lines,
    body: filled.value,
    isMadeUp: filled.isMadeUp || address.isMadeUp,
  };
}

function refusalOf(method: string, body: unknown, headers: HeaderLines, leave: ToolLeave): string | undefined {
  if (leave.all || SAFE_METHODS.has(method)) return undefined;
  if (method === 'DELETE' && body === undefined && headers.some(([name]) => name.toLowerCase() === 'mcp-session-id'))
    return undefined;
  const messages = Array.isArray(body) ? body : [body];
  if (method !== 'POST' || !messages.every(isMessage)) return 'it may change something (--call-tools sends it)';
  const tools = messages.filter((message) => message['method'] === 'tools/call').map(toolOf);
  const unsafe = tools.find((name) => name === undefined || !leave.readOnly.has(name));
  if (!tools.includes(undefined) && unsafe === undefined) return undefined;
  return `the tool ${JSON.stringify(unsafe ?? '?')} does not say that it only reads (--call-tools calls it)`;
}

function isMessage(value: unknown): value is JsonObject {
  return isObject(value) && value['jsonrpc'] === '2.0';
}

function toolOf({ params }: JsonObject): string | undefined {
  return isObject(params) && typeof params['name'] === 'string' ? params['name'] : undefined;
}

function addressOf(path: string, query: readonly (readonly [string, string])[], references: References) {
  const segments = path.split('/').map((segment) => {
    if (readPlaceholder(segment) === undefined) return segment;
    const live = references.get(segment);
    return live === undefined ? undefined : encodeURIComponent(live);
  });
  const filled = references.fill(query.map(([, value]) => value));
  if (segments.includes(undefined) || filled.unknown.some((kind) => kind !== 'session')) return undefined;
  const values = filled.value as readonly unknown[];
  const search = new URLSearchParams(
    query.map(([name], index): [string, string] => [name, String(values[index] ?? 'unknown')]),
  ).toString();
  return { path: `${segments.join('/')}${search === '' ? '' : `?${search}`}`, isMadeUp: filled.isMadeUp };
}
