/** How a call ended for its client. */
export type Outcome =
  /** The tool's own answer. */
  | { readonly kind: 'ok' }
  /** An answer that says what went wrong, by the gateway's own code or in the words of the documentation. */
  | { readonly kind: 'told'; readonly reason: string }
  /** The client's own connection broke, or the balancer said so. */
  | { readonly kind: 'broken'; readonly detail: string }
  /** Not one of the above: no answer at all, a session that is no more, an answer that nothing documents. */
  | { readonly kind: 'wrong'; readonly detail: string };

/** Codes of docs/errors.md that a fault of a node or of the store may lead to. */
const TOLD: ReadonlySet<string> = new Set([
  'exchange.cancelled',
  'fleet.node-lost',
  'fleet.owner-gone',
  'gateway.draining',
  'store.unavailable',
  'stream.lost',
  'upstream.lost',
  'upstream.session-lost',
  'upstream.unavailable',
]);
/** What a parked call whose node is gone says (docs/questions.md). */
const EXPIRED = /expired|no longer waiting/i;

/** Judges the result of a tool call. */
export function outcomeOfResult(result: Record<string, unknown>, expected: RegExp): Outcome {
  const text = JSON.stringify(result['content'] ?? result);
  if (result['isError'] !== true) {
    return expected.test(text) ? { kind: 'ok' } : { kind: 'wrong', detail: `another call's answer: ${text}` };
  }
  if (EXPIRED.test(text)) return { kind: 'told', reason: 'question expired' };
  return { kind: 'wrong', detail: `tool error: ${text}` };
}

/** Judges what a client's SDK threw. */
export function outcomeOfError(error: unknown): Outcome {
  const { message, code, data, status } = error as Record<string, unknown>;
  const text = `${String(message)} ${JSON.stringify(data ?? {})}`;
  const reason = (data as { reason?: string } | undefined)?.reason ?? /"reason":\s*\\?"([a-z.-]+)/.exec(text)?.[1];
  if (reason !== undefined && TOLD.has(reason)) return { kind: 'told', reason };
  const http =
    [status, code].find((each) => typeof each === 'number' && each >= 400 && each < 600) ??
    /\b(?:HTTP|status)[ :]*(\d{3})\b/i.exec(text)?.[1];
  if (http !== undefined && [502, 503, 504].includes(Number(http))) return { kind: 'broken', detail: `HTTP ${http}` };
  if (/fetch failed|terminated|socket|ECONN|network|other side closed|connection closed|disconnected/i.test(text)) {
    return { kind: 'broken', detail: text.slice(0, 80) };
  }
  const name = error instanceof Error ? error.constructor.name : typeof error;
  return { kind: 'wrong', detail: `${name} ${String(code)} ${http ?? ''} ${reason ?? ''} ${text.slice(0, 300)}` };
}
