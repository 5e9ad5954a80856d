import type { RouteFacts } from '../../core/edge.ts';
import type { Principal } from '../../core/ports.ts';
import type { Subscriber } from '../../core/subscription.ts';
import type { ToolBrief, ToolBriefs } from '../../core/tool-brief.ts';
import { isObject, NO_QUESTIONS } from '../../protocol/capabilities.ts';
import { LATEST_MODERN } from '../../protocol/revision.ts';
import type { Context } from '../inbound.ts';

/** What a page shows of the server behind a route. All texts are the server's own and cut to length, not escaped. */
export interface Glance {
  readonly title: string | undefined;
  readonly version: string | undefined;
  readonly tools: readonly ToolBrief[];
  /** How many tools there are beyond those. */
  readonly more: number;
}

/** How long a page waits for the server. What comes later is there for the next one. */
const WAIT_MS = 2_000;
const KEEP_MS = 15_000;
const KEEP_FAILURE_MS = 3_000;
const MOST_KEPT = 256;
const MOST_TOOLS = 100;
const MOST_NAME = 128;
const MOST_TEXT = 280;

/** Looks at the servers behind routes for pages: in bounded time, not more often than every few seconds for one principal, and never failing. */
export class ToolGlances {
  readonly #context: Context;
  readonly #kept = new Map<string, { readonly glance: Promise<Glance | undefined>; readonly at: number }>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** What this principal would find on the route; undefined when the server could not be asked in time. */
  async look(route: string, principal: Principal): Promise<Glance | undefined> {
    const { clock } = this.#context.deps;
    const key = `${route}\n${principal.key}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined && clock.now() - kept.at < KEEP_MS) return kept.glance;
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    const entry = { glance: this.#ask(route, principal), at: clock.now() };
    this.#kept.set(key, entry);
    const glance = await entry.glance;
    if (glance === undefined && this.#kept.get(key) === entry) {
      this.#kept.set(key, { ...entry, at: clock.now() - KEEP_MS + KEEP_FAILURE_MS });
    }
    return glance;
  }

  async #ask(route: string, principal: Principal): Promise<Glance | undefined> {
    const { clock, edge } = this.#context.deps;
    const client = { revision: LATEST_MODERN, info: undefined, capabilities: {}, profile: NO_QUESTIONS };
    const subscriber: Subscriber = { route, principal, sessionId: undefined, client };
    const asked = Promise.all([edge.describe(subscriber), edge.tools(subscriber, MOST_TOOLS)]).then(
      ([facts, briefs]) => glanceOf(facts, briefs),
      // A page is no place to report it: whoever calls the server gets the error.
      () => undefined,
    );
    let stop = (): void => undefined;
    const late = new Promise<undefined>((resolve) => {
      const timer = clock.after(WAIT_MS, () => resolve(undefined));
      stop = () => timer.clear();
    });
    return await Promise.race([asked, late]).finally(stop);
  }
}

function glanceOf({ info }: RouteFacts, { tools, total }: ToolBriefs): Glance {
  const facts: unknown = JSON.parse(info.toString());
  const server = isObject(facts) ? facts : {};
  return {
    title: textOf(server['title']) ?? textOf(server['name']),
    version: textOf(server['version']),
    tools: tools.map(({ name, title, description }) => ({
      name: clip(name, MOST_NAME),
      title: title === undefined ? undefined : clip(title, MOST_NAME),
      description: description === undefined ? undefined : clip(description, MOST_TEXT),
    })),
    more: total - tools.length,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? clip(value.trim(), MOST_NAME) : undefined;
}

/** One line of at most `most` characters; a surrogate pair is not cut in two. */
function clip(text: string, most: number): string {
  const line = text
    .slice(0, most * 4)
    .replace(/\s+/g, ' ')
    .trim();
  const characters = [...line];
  return characters.length <= most ? line : `${characters.slice(0, most - 1).join('')}…`;
}
