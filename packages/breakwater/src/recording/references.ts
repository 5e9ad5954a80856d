import { isObject } from '../protocol/capabilities.ts';
import { makeUp, placeholder, readPlaceholder } from './placeholder.ts';

/** Values that one side gave: what is given back must be what the live server said. */
const GIVEN = new Set(['session', 'ref', 'event']);

/** A recorded value as it can be sent. */
export interface Sendable {
  readonly value: unknown;
  /** Values were made up: an answer to them says little. */
  readonly isMadeUp: boolean;
  /** Placeholders whose live value nobody has said. */
  readonly unknown: readonly string[];
}

/** What of a recording became what on the live server. */
export class References {
  readonly #live = new Map<string, string>();
  /** Ids of the server's own requests. */
  readonly #ids = new Map<unknown, unknown>();

  /** The live value of a placeholder. */
  get(recorded: string): string | undefined {
    return this.#live.get(recorded);
  }

  /** Learns from one place of two answers that belong together. */
  learn(recorded: unknown, live: unknown): void {
    if (typeof recorded === 'string' && typeof live === 'string') {
      const kind = readPlaceholder(recorded)?.kind;
      if (kind !== undefined && GIVEN.has(kind)) this.#live.set(recorded, live);
    } else if (Array.isArray(recorded) && Array.isArray(live)) {
      for (const [index, item] of recorded.entries()) this.learn(item, live[index]);
    } else if (isObject(recorded) && isObject(live)) {
      if (typeof recorded['method'] === 'string' && recorded['method'] === live['method'] && 'id' in recorded)
        this.#ids.set(recorded['id'], live['id']);
      for (const [name, member] of Object.entries(recorded)) {
        if (Object.hasOwn(live, name)) this.learn(member, live[name]);
      }
    }
  }

  /** Learns from two addresses, recorded as `/path?session_id=‹session …›`. */
  learnAddress(recorded: string, live: string): void {
    const url = URL.parse(live, 'http://live.invalid');
    if (url === null) return;
    for (const [index, segment] of (recorded.split('?', 1)[0] ?? '').split('/').entries())
      this.learn(segment, url.pathname.split('/')[index]);
    for (const parameter of recorded.split('?')[1]?.split('&') ?? []) {
      const [name = '', value = ''] = parameter.split('=');
      this.learn(value, url.searchParams.get(name) ?? undefined);
    }
  }

  /** A recorded message as it can be sent to the live server. */
  fill(value: unknown): Sendable {
    const made = { any: false, unknown: new Set<string>() };
    const isAnswer = isObject(value) && !('method' in value) && 'id' in value && this.#ids.has(value['id']);
    const filled = this.#fill(value, made);
    const id = isAnswer && isObject(filled) ? { id: this.#ids.get(value['id']) } : {};
    return {
      value: isObject(filled) ? { ...filled, ...id } : filled,
      isMadeUp: made.any,
      unknown: [...made.unknown],
    };
  }

  #fill(value: unknown, made: { any: boolean; readonly unknown: Set<string> }): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#fill(item, made));
    if (isObject(value)) {
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.#fill(member, made)]));
    }
    const found = typeof value === 'string' ? readPlaceholder(value) : undefined;
    if (found === undefined || found.kind === 'id' || found.kind === 'key') return value;
    const live = this.#live.get(placeholder(found.kind, found.detail));
    if (live !== undefined) return live;
    const up = GIVEN.has(found.kind) ? undefined : makeUp(found);
    if (up === undefined) made.unknown.add(found.kind);
    made.any = true;
    return up ?? null;
  }
}
