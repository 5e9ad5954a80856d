import type { ExchangeRecord, GatewayEvent } from '../core/events.ts';
import type { ExchangeStart } from '../core/journal.ts';
import type { AuditKeys } from './audit-chain.ts';
import { bareUri, quote } from './audit-text.ts';

/** What {@link AuditFold} writes of identities and of which exchanges. */
export interface AuditFoldOptions {
  readonly keys: AuditKeys;
  readonly exchanges: 'all' | 'forwarded';
  readonly principals: 'hashed' | 'plain';
}

type OpenEvent = Extract<GatewayEvent, { type: 'open' }>;
type CloseEvent = Extract<GatewayEvent, { type: 'close' }>;

/** What is open: members of JSON that its first and its last record share. */
interface Identity {
  readonly resource: string;
  readonly members: string;
}

const EXCHANGE = 'exchange';
/** Says in an exchange's end that a record of its start is there. */
const BEGUN = ',"started":true';

/** The end of an exchange of which nobody knows how it ended, from the members of its start. */
export function unknownEnd(members: string): string {
  return `"event":"exchange.end",${members}${BEGUN},"outcome":"unknown"`;
}

type Asked = Pick<ExchangeRecord, 'id' | 'principal' | 'sessionId' | 'route' | 'revision' | 'method' | 'name'>;

const LONGEST_CLIENT_INFO_BYTES = 16_384;
const MOST_PRINCIPALS = 10_000;

/**
 * Turns core events into the members of audit records. It holds what is open: a close is recorded with the owner that the open named,
 * exactly once, and whatever is left at the end can be named.
 */
export class AuditFold {
  readonly #options: AuditFoldOptions;
  readonly #open = new Map<string, Identity>();
  /** The hashes of open sessions: each of their exchanges needs one, and a hash costs as much as the rest of the line. */
  readonly #sessions = new Map<string, string>();
  readonly #principals = new Map<string, string>();

  constructor(options: AuditFoldOptions) {
    this.#options = options;
  }

  /** True while nothing is open. */
  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  /** True from the start record of an exchange to its end. */
  isBegun(exchangeId: string): boolean {
    return this.#open.has(`${EXCHANGE} ${exchangeId}`);
  }

  /** How many of each resource are open. */
  get open(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { resource } of this.#open.values()) counts[resource] = (counts[resource] ?? 0) + 1;
    return counts;
  }

  /** The closes of all that is open; from then on nothing is. */
  leftovers(): string[] {
    const closes = [...this.#open.values()].map(({ resource, members }) =>
      resource === EXCHANGE ? unknownEnd(members) : `"event":"${resource}.close",${members}`,
    );
    this.#open.clear();
    this.#sessions.clear();
    return closes;
  }

  /** The members of the event's record, from `"event"` on; undefined for events that are not recorded. */
  fold(event: GatewayEvent): string | undefined {
    switch (event.type) {
      case 'exchange':
        return this.#exchange(event.record);
      case 'open':
        return this.#opened(event);
      case 'close':
        return this.#closed(event);
      case 'refusal':
        return `"event":"request.refused","code":"${event.code}"${member('route', event.route)}`;
      case 'accommodation':
        return `"event":"accommodation.used","accommodation":${quote(event.id)}${member('route', event.route)}`;
      default:
        return undefined;
    }
  }

  /** The members of the record that says that an exchange is about to be passed on, or has been and has not ended; its end will name it. */
  begin({ exchange, upstream }: ExchangeStart): string {
    const { id, principal, sessionId, route, client, method, name } = exchange;
    const asked = this.#asked({
      id,
      principal: principal.key,
      sessionId,
      route,
      revision: client.revision,
      method,
      name,
    });
    const server = upstream === undefined ? '' : `,"upstream":{"name":${quote(upstream)}}`;
    const members = `${asked}${server}`;
    this.#open.set(`${EXCHANGE} ${id}`, { resource: EXCHANGE, members });
    return `"event":"exchange.start",${members}`;
  }

  /** Takes {@link begin} back: its record found no room. */
  unbegin({ exchange }: ExchangeStart): void {
    this.#open.delete(`${EXCHANGE} ${exchange.id}`);
  }

  #exchange(record: ExchangeRecord): string | undefined {
    const { id, outcome, code, upstream, handle, durationMs } = record;
    const isBegun = this.#open.delete(`${EXCHANGE} ${id}`);
    if (record.edge && !isBegun && this.#options.exchanges === 'forwarded') return undefined;
    const server = upstream === undefined ? '' : `,"upstream":{"name":${quote(upstream)}${member('handle', handle)}}`;
    return `"event":"exchange.end",${this.#asked(record)}${server}${isBegun ? BEGUN : ''},"outcome":"${outcome}"${member('code', code)},"edge":${record.edge},"ms":${durationMs}`;
  }

  /** Who asked what. */
  #asked(record: Asked): string {
    const { id, principal, sessionId, route, revision } = record;
    const session = sessionId === undefined ? '' : `,"session":{"ref":"${this.#sessionRef(sessionId)}"}`;
    return `"exchange":${quote(id)},"principal":{"ref":${this.#principalRef(principal)}}${session},"route":${quote(route)},"revision":"${revision}","op":${this.#op(record)}`;
  }

  #op({ method, name }: Asked): string {
    if (name === undefined) return `{"method":${quote(method)}}`;
    const [word, shown] = this.#subject(method, name);
    return `{"method":${quote(method)},"${word}":${shown}}`;
  }

  #subject(method: string, name: string): readonly [word: string, shown: string] {
    if (method === 'tools/call') return ['tool', quote(name)];
    if (method === 'prompts/get') return ['prompt', quote(name)];
    if (method.startsWith('resources/')) return ['resource', quote(bareUri(name))];
    // A task's id is all one needs to read its result.
    if (method.startsWith('tasks/')) return ['task', `"${this.#options.keys.ref('other', name)}"`];
    return ['name', quote(name)];
  }

  #opened(event: OpenEvent): string | undefined {
    const key = `${event.resource} ${event.id}`;
    if (this.#open.has(key)) return undefined;
    if (event.resource === 'session') this.#sessions.set(event.id, this.#options.keys.ref('session', event.id));
    const identity = { resource: event.resource, members: this.#identify(event) };
    this.#open.set(key, identity);
    return `"event":"${event.resource}.open",${identity.members}${this.#facts(event)}`;
  }

  #closed({ resource, id, reason, detail }: CloseEvent): string | undefined {
    const key = `${resource} ${id}`;
    const identity = this.#open.get(key);
    // Of something that was closed before, or opened before this log began.
    if (identity === undefined) return undefined;
    this.#open.delete(key);
    if (resource === 'session') this.#sessions.delete(id);
    const kind = member(resource === 'session' ? 'kind' : 'detail', detail);
    return `"event":"${resource}.close",${identity.members},"reason":${quote(reason)}${kind}`;
  }

  /** The resource and what it belongs to. */
  #identify(event: OpenEvent): string {
    const { resource, id, owner, session, stream, principal } = event;
    const own = resource === 'session' ? `"${this.#sessionRef(id)}"` : quote(id);
    const owners = [
      session === undefined ? '' : `"session":"${this.#sessionRef(session)}"`,
      stream === undefined ? '' : `"stream":${quote(stream)}`,
      principal === undefined ? '' : `"principal":${this.#principalRef(principal)}`,
    ].filter((each) => each !== '');
    // An owner of which nothing else is said may be anything, a session id too.
    if (owners.length === 0 && owner !== undefined) owners.push(`"other":"${this.#options.keys.ref('other', owner)}"`);
    return `"${resource}":{"ref":${own}}${owners.length === 0 ? '' : `,"owner":{${owners.join()}}`}`;
  }

  /** What the open alone says. */
  #facts({ resource, detail, client }: OpenEvent): string {
    const [first, second, more] = detail.split(' ');
    if (resource === 'stream') return member('type', detail);
    if (resource === 'subscription') return member('route', detail);
    if (second === undefined || more !== undefined) return member('detail', detail);
    if (resource === 'handle') return `,"upstream":{"name":${quote(first ?? '')},"revision":${quote(second)}}`;
    if (resource === 'session') return `${member('transport', first)}${member('revision', second)}${claimed(client)}`;
    return member('detail', detail);
  }

  #sessionRef(id: string): string {
    return this.#sessions.get(id) ?? this.#options.keys.ref('session', id);
  }

  #principalRef(key: string): string {
    const known = this.#principals.get(key);
    if (known !== undefined) return known;
    const { principals, keys } = this.#options;
    const shown = principals === 'plain' ? quote(key) : `"${keys.ref('principal', key)}"`;
    // Cheaper than to keep the most recent ones: all of them are asked for again and again, or none is.
    if (this.#principals.size >= MOST_PRINCIPALS) this.#principals.clear();
    this.#principals.set(key, shown);
    return shown;
  }
}

function member(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":${quote(value)}`;
}

/** What a client says it is. Nobody checked it. */
function claimed(info: Buffer | undefined): string {
  if (info === undefined || info.length > LONGEST_CLIENT_INFO_BYTES) return '';
  let value: unknown;
  try {
    value = JSON.parse(info.toString());
  } catch {
    // It is a slice of a body that was parsed; should it be none after all, the client has no name.
    return '';
  }
  if (typeof value !== 'object' || value === null) return '';
  const { name, version } = value as Readonly<Record<string, unknown>>;
  const words = Object.entries({ name, version }).filter(([, word]) => typeof word === 'string');
  return words.length === 0
    ? ''
    : `,"client":{${words.map(([key, word]) => `"${key}":${quote(String(word))}`).join()}}`;
}
