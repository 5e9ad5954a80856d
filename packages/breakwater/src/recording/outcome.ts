import { isObject, type JsonObject } from '../protocol/capabilities.ts';
import type { RecordedBody } from './record.ts';

/** What an answer was, for a comparison: redacted on both sides. */
export interface Outcome {
  readonly status: number;
  /** In lower case, without parameters; empty when there is none. */
  readonly mediaType: string;
  /** `result`, `tool error`, `error -32601`, `JSON`, `nothing to read`, … */
  readonly kind: string;
  /** The JSON-RPC result, or the JSON of what is no JSON-RPC. */
  readonly value: unknown;
}

/** Sums up an answer to the requests with these ids. */
export function outcomeOf(
  status: number,
  contentType: string | undefined,
  bodies: readonly unknown[],
  ids: readonly unknown[],
): Outcome {
  const mediaType = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const messages = bodies.flatMap((body) => (Array.isArray(body) ? body : [body])).filter(isObject);
  const answers = messages.filter((message) => !('method' in message) && ('result' in message || 'error' in message));
  const own = answers.filter(({ id }) => ids.includes(id) || (id ?? null) === null);
  const head = { status, mediaType };
  if (own.length > 1) return { ...head, kind: own.map(kindOf).sort().join(', '), value: undefined };
  const [answer] = own;
  if (answer !== undefined) return { ...head, kind: kindOf(answer), value: answer['result'] };
  if (ids.length > 0 || messages.length === 0) return { ...head, kind: 'no JSON-RPC answer', value: undefined };
  return { ...head, kind: 'JSON', value: undefined };
}

function kindOf({ result, error }: JsonObject): string {
  if (isObject(error)) return `error ${String(error['code'])}`;
  return isObject(result) && result['isError'] === true ? 'tool error' : 'result';
}

/** The JSON values in a recorded body. */
export function jsonOf(body: RecordedBody): unknown[] {
  if (body.kind === 'json') return [body.value];
  return body.kind === 'events' ? body.events.flatMap(({ json }) => (json === undefined ? [] : [json])) : [];
}

/** The ids of the requests in a body; none for notifications and answers. */
export function requestIdsOf(body: unknown): unknown[] {
  return (Array.isArray(body) ? body : [body]).flatMap((message) =>
    isObject(message) && typeof message['method'] === 'string' && message['id'] !== undefined ? [message['id']] : [],
  );
}
