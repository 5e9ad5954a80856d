import { isObject, type JsonObject } from '../protocol/capabilities.ts';
import type { RecordedBody } from './record.ts';

/** One JSON-RPC answer, redacted. */
export interface RpcAnswer {
  readonly id: unknown;
  /** `result`, `tool error` or `error -32601`. */
  readonly kind: string;
  readonly result: unknown;
}

/** What came back to one request, for a comparison: redacted on both sides. */
export interface Outcome {
  readonly status: number;
  /** In lower case, without parameters; empty when there is none. */
  readonly mediaType: string;
  /** The answers to the request, or on a standing stream all of them. */
  readonly answers: readonly RpcAnswer[];
}

/** Sums up what came back. `ids` are those of the requests; undefined for a stream that carries the answers to others. */
export function outcomeOf(
  status: number,
  contentType: string | undefined,
  bodies: readonly unknown[],
  ids: readonly unknown[] | undefined,
): Outcome {
  const mediaType = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const messages = bodies.flatMap((body): unknown[] => (Array.isArray(body) ? body : [body])).filter(isObject);
  const answers = messages.filter(
    (message) =>
      !('method' in message) &&
      ('result' in message || isObject(message['error'])) &&
      // Refusals that could not tell the id leave it out or say null.
      (ids === undefined || ids.includes(message['id']) || (message['id'] ?? null) === null),
  );
  return { status, mediaType, answers: answers.map(answerOf) };
}

function answerOf({ id = null, result, error }: JsonObject): RpcAnswer {
  if (isObject(error)) return { id, kind: `error ${String(error['code'])}`, result: undefined };
  return { id, kind: isObject(result) && result['isError'] === true ? 'tool error' : 'result', result };
}

/** The JSON values in a recorded body. */
export function jsonOf(body: RecordedBody): unknown[] {
  if (body.kind === 'json') return [body.value];
  return body.kind === 'events' ? body.events.flatMap(({ json }) => (json === undefined ? [] : [json])) : [];
}

/** The messages of a body: one, or those of a batch. */
export function messagesOf(body: RecordedBody): JsonObject[] {
  return jsonOf(body)
    .flatMap((value): unknown[] => (Array.isArray(value) ? value : [value]))
    .filter(isObject);
}

/** The ids of the requests in a body; none for notifications and answers. */
export function requestIdsOf(body: RecordedBody): unknown[] {
  return messagesOf(body).flatMap(({ method, id }) => (typeof method === 'string' && id !== undefined ? [id] : []));
}
