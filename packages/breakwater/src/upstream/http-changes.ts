import type { ServerChange, ServerQuestion } from '../core/ports.ts';
import type { NotificationMessage } from '../jsonrpc/message.ts';
import { memberValue, type RawObject } from '../jsonrpc/raw.ts';
import type { JsonObject } from '../protocol/capabilities.ts';
import { reportedKinds } from './change-feed.ts';
import { idTokenOf } from './modern-feed.ts';

const PAGE_COMPLETE = 'notifications/elicitation/complete';

/** What to report after a gap: everything may have changed. A spurious change is harmless, a lost one is not. */
export function changesAfterGap(capabilities: JsonObject, uris: Iterable<string>): readonly ServerChange[] {
  const lists = reportedKinds(capabilities).map((kind): ServerChange => ({ kind, params: undefined }));
  return [...lists, ...[...uris].map((uri): ServerChange => ({ kind: 'updated', uri, params: undefined }))];
}

/** The listeners of one handle: for its changes, for questions of no call, and for its end, which they hear of exactly once. */
export class HandleListeners {
  readonly #changes = new Set<(change: ServerChange) => void>();
  readonly #pages = new Set<(elicitationId: string) => void>();
  readonly #questions = new Set<(question: ServerQuestion) => boolean>();
  readonly #progress = new Set<(token: string, params: RawObject) => void>();
  readonly #ends = new Set<(reason: string) => void>();
  #reason: string | undefined;

  /** Why the handle ended; undefined while it lives. */
  get endReason(): string | undefined {
    return this.#reason;
  }

  onChange(listener: (change: ServerChange) => void): () => void {
    this.#changes.add(listener);
    return () => void this.#changes.delete(listener);
  }

  onPage(listener: (elicitationId: string) => void): () => void {
    this.#pages.add(listener);
    return () => void this.#pages.delete(listener);
  }

  onQuestion(listener: (question: ServerQuestion) => boolean): () => void {
    this.#questions.add(listener);
    return () => void this.#questions.delete(listener);
  }

  onProgress(listener: (token: string, params: RawObject) => void): () => void {
    this.#progress.add(listener);
    return () => void this.#progress.delete(listener);
  }

  onEnd(listener: (reason: string) => void): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason);
      return () => undefined;
    }
    this.#ends.add(listener);
    return () => void this.#ends.delete(listener);
  }

  report(change: ServerChange): void {
    for (const listener of [...this.#changes]) listener(change);
  }

  /** Takes any notification; only one that a page is finished is told. */
  reportPage({ method, params }: NotificationMessage): void {
    const id = method === PAGE_COMPLETE && params !== undefined ? memberValue(params, 'elicitationId') : undefined;
    if (typeof id !== 'string') return;
    for (const listener of [...this.#pages]) listener(id);
  }

  /** Takes progress that no call in flight asked for. */
  reportProgress(params: RawObject): void {
    const token = idTokenOf(params, 'progressToken');
    for (const listener of token === undefined ? [] : [...this.#progress]) listener(String(token), params);
  }

  /** Offers a question that belongs to no call; false when nobody takes it. */
  offer(question: ServerQuestion): boolean {
    return [...this.#questions].some((listener) => listener(question));
  }

  /** Marks the end and tells everybody; false when it had ended before. */
  end(reason: string): boolean {
    if (this.#reason !== undefined) return false;
    this.#reason = reason;
    const listeners = [...this.#ends];
    this.#ends.clear();
    this.#changes.clear();
    this.#pages.clear();
    this.#questions.clear();
    this.#progress.clear();
    for (const listener of listeners) listener(reason);
    return true;
  }
}
