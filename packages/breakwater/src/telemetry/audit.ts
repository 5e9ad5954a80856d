import { GatewayError } from '../core/errors.ts';
import type { GatewayEvent } from '../core/events.ts';
import type { ExchangeStart, Journal } from '../core/journal.ts';
import type { Timer } from '../core/ports.ts';
import { type AuditKeys, auditKeys, sealLine } from './audit-chain.ts';
import { AuditFold } from './audit-fold.ts';
import { type Resumption, readResumption } from './audit-resume.ts';
import type { AuditDeps, AuditedConfig, AuditSettings } from './audit-settings.ts';
import { AuditSink } from './audit-sink.ts';
import { asciiJson, quote } from './audit-text.ts';

const ANCHOR_MS = 60_000;
/** How long the end of the log waits for closes that are under way. */
const LAST_CLOSES_MS = 2_000;
/** Names of routes and upstreams in one record. */
const MOST_NAMES = 50;
/** Exchanges whose start waits to be recorded: each one that ends is looked for among them, which takes 3 µs then. */
const MOST_FRESH = 1_000;
/** What a line has beside the instance and the event's members, at most: version, number, time, MAC, newline. */
const FRAME_CHARS = 114;

/** Opens the audit log and goes on with the chain that is there. Rejects when the file cannot be used. */
export async function openAudit(settings: AuditSettings, deps: AuditDeps): Promise<AuditLog> {
  try {
    const keys = auditKeys(settings.key);
    const resumption = await readResumption(settings.file, keys);
    const isRequired = settings.mode === 'required';
    const sink = await AuditSink.open({
      ...settings,
      syncs: isRequired,
      firstSeq: resumption.firstSeq ?? resumption.nextSeq,
      clock: deps.clock,
      onFault: (error) => {
        const meanwhile = isRequired ? 'nothing new is served' : 'its records wait';
        if (error === undefined) deps.notice('warn', 'The audit log is written again.', {});
        else deps.notice('error', `The audit log cannot be written; ${meanwhile}.`, { error });
      },
      onForeign: () => deps.notice('error', 'Another program writes to the audit log; its chain will not verify.', {}),
      onGone: () => deps.notice('error', 'The file of the audit log was deleted; another one is begun.', {}),
    });
    const log = new AuditLog(settings, deps, keys, sink, resumption);
    // Whether it can be written shows when it is. Where it cannot, it refuses what comes until it can.
    if (isRequired) await sink.written().catch(() => undefined);
    return log;
  } catch (error) {
    throw new Error(`the audit log cannot be opened: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** How an {@link AuditLog} is doing. */
export interface AuditStatus {
  /** False while records cannot be written. */
  readonly up: boolean;
  readonly mode: AuditSettings['mode'];
  /** Number of the next record. */
  readonly seq: number;
  /** Records that are not in the file yet. */
  readonly pendingBytes: number;
  /** Records that found no room, since the start. */
  readonly dropped: number;
}

/** The running audit log: numbers records, chains them, and hands them to the file. Recording never waits and never throws. */
export class AuditLog implements Journal {
  readonly #settings: AuditSettings;
  readonly #deps: AuditDeps;
  readonly #keys: AuditKeys;
  readonly #sink: AuditSink;
  readonly #fold: AuditFold;
  readonly #head: string;
  /**
   * Exchanges that went to a server and are on no record yet, oldest first. Few, and most end soon. Not a `Map`: one that lives long keeps what came and
   * went in it through all young collections (docs/performance.md).
   */
  readonly #fresh: ExchangeStart[] = [];
  #freshTimer: Timer | undefined;
  #dropped = 0;
  #isBehind = false;
  #seq: number;
  #mac: string;
  #fileBytes: number;
  #anchoredSeq: number;
  #anchoredAt: number;
  #time = { at: -1, text: '' };
  #gap: { readonly since: string; readonly events: Record<string, number> } | undefined;
  #config: { readonly digest: string; readonly upstreams: ReadonlyMap<string, string> } | undefined;
  #closed: Promise<void> | undefined;
  #isEnded = false;
  #onBalanced: (() => void) | undefined;
  #isLateTold = false;

  constructor(
    settings: AuditSettings,
    deps: AuditDeps,
    keys: AuditKeys,
    sink: AuditSink,
    { tail, nextSeq, mac, firstSeq, sizeBytes, torn, needsNewline, unclosed }: Resumption,
  ) {
    this.#settings = settings;
    this.#deps = deps;
    this.#keys = keys;
    this.#sink = sink;
    this.#fold = new AuditFold({ ...settings, keys });
    this.#head = `"instance":${quote(deps.instance)},`;
    this.#seq = nextSeq;
    this.#mac = mac;
    this.#fileBytes = sizeBytes;
    this.#anchoredSeq = nextSeq;
    this.#anchoredAt = deps.clock.now();
    const found = torn === undefined ? '' : `,"torn":${asciiJson(torn)}`;
    // A torn line stays as it is; only its end is made, so that the next record has a line of its own.
    if (needsNewline) sink.push('\n');
    // Not through the check for a full file: this record must stand next to what it tells of.
    if (tail === 'new') this.#write(`"event":"log.genesis","prev":""${found}`);
    else if (firstSeq === undefined) this.#write(`"event":"log.continue","prev":"${mac}","tail":"${tail}"${found}`);
    else this.#write(`"event":"log.resume","tail":"${tail}"${found}`);
    if (tail === 'unverified')
      deps.notice('error', 'The end of the audit log does not fit its key: it was changed, or the key was.', {});
    if (torn !== undefined) deps.notice('warn', 'The last line of the audit log was torn by a crash.', { ...torn });
    for (const close of unclosed) this.#put(`${close},"reason":"crash-recovered"`);
    if (unclosed.length > 0)
      deps.notice('warn', 'The audit log held resources that a crash left open.', { closed: unclosed.length });
  }

  /** The last record's number and MAC, to be kept elsewhere: with it a cut end shows (`audit verify --expect-last`). */
  get last(): { readonly seq: number; readonly mac: string } {
    return { seq: this.#seq - 1, mac: this.#mac };
  }

  get status(): AuditStatus {
    const { isFaulty, pendingBytes } = this.#sink;
    return { up: !isFaulty, mode: this.#settings.mode, seq: this.#seq, pendingBytes, dropped: this.#dropped };
  }

  get isOpen(): boolean {
    return !(this.#isRequired && (this.#isEnded || this.#sink.isFaulty || this.#fallsBehind));
  }

  begin(start: ExchangeStart): Promise<void> | undefined {
    if (this.#isRequired) return this.#writeStart(start);
    if (this.#isEnded) return undefined;
    // In best effort a record waits that long to be written: one for what is over by then would prove nothing.
    if (this.#fresh.push(start) >= MOST_FRESH) this.#recordStarts();
    this.#freshTimer ??= this.#deps.clock.after(this.#settings.flushMs, () => this.#recordStarts());
    return undefined;
  }

  /** Records an event, if it is one of those that are recorded. */
  record(event: GatewayEvent): void {
    const isPaired = this.#isPaired(event);
    if (event.type === 'exchange') this.#forget(event.record.id);
    const members = this.#fold.fold(event);
    if (members === undefined) return;
    if (this.#isEnded) return this.#tellLate(event.type);
    this.#append(members, isPaired);
    if (isPaired && this.#fold.isEmpty) this.#onBalanced?.();
  }

  /** True where a lost record would leave something open for ever, or something unrecorded that must not be. */
  #isPaired(event: GatewayEvent): boolean {
    if (event.type !== 'exchange') return event.type === 'open' || event.type === 'close';
    return this.#isRequired || this.#fold.isBegun(event.record.id);
  }

  get #isRequired(): boolean {
    return this.#settings.mode === 'required';
  }

  /** More waits than may, and until half of it is written. */
  get #fallsBehind(): boolean {
    const { queueBytes } = this.#settings;
    this.#isBehind = this.#sink.pendingBytes > (this.#isBehind ? queueBytes / 2 : queueBytes);
    return this.#isBehind;
  }

  async #writeStart(start: ExchangeStart): Promise<void> {
    if (!this.isOpen) throw new GatewayError('audit.unavailable');
    if (!this.#recordStart(start)) throw new GatewayError('audit.unavailable');
    try {
      await this.#sink.written();
    } catch (error) {
      throw new GatewayError('audit.unavailable', { cause: error });
    }
  }

  #recordStarts(): void {
    this.#freshTimer?.clear();
    this.#freshTimer = undefined;
    for (const start of this.#fresh.splice(0)) this.#recordStart(start);
  }

  #recordStart(start: ExchangeStart): boolean {
    const isTaken = this.#append(this.#fold.begin(start), true);
    // Its end must not name a record that is not there.
    if (!isTaken) this.#fold.unbegin(start);
    return isTaken;
  }

  /** An exchange ended before its start was recorded: its end says it all. */
  #forget(exchangeId: string): void {
    const fresh = this.#fresh;
    for (let at = 0; at < fresh.length; at++) {
      if (fresh[at]?.exchange.id !== exchangeId) continue;
      fresh.splice(at, 1);
      return;
    }
  }

  /** Records the configuration that is at work from now on: the first one, or what a reload changed. */
  configured({ text, routes, upstreams }: AuditedConfig): void {
    if (this.#isEnded) return this.#tellLate('configuration');
    const digest = this.#keys.digest(text);
    const now = new Map(Object.entries(upstreams).map(([name, each]) => [name, this.#keys.digest(each)]));
    const before = this.#config?.upstreams;
    this.#config = { digest, upstreams: now };
    const members = `"config":"${digest}","routes":${namesOf(routes)}`;
    if (before === undefined) {
      const version = quote(this.#deps.version);
      this.#append(
        `"event":"gateway.start","version":${version},${members},"upstreams":${namesOf([...now.keys()])}`,
        true,
      );
      return;
    }
    const added = [...now.keys()].filter((name) => !before.has(name));
    const removed = [...before.keys()].filter((name) => !now.has(name));
    const changed = [...now]
      .filter(([name, each]) => before.has(name) && before.get(name) !== each)
      .map(([name]) => name);
    this.#append(
      `"event":"config.change",${members},"upstreams":{"added":${namesOf(added)},"changed":${namesOf(changed)},"removed":${namesOf(removed)}}`,
      true,
    );
  }

  /** Writes what is there to the disk. */
  flush(): Promise<void> {
    return this.#sink.flush();
  }

  /** Records the end, with a close for whatever is still open after a moment, and writes everything. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    await this.#balanced();
    this.#isEnded = true;
    this.#recordStarts();
    const { open } = this.#fold;
    const left = this.#fold.leftovers();
    if (left.length > 0) this.#deps.notice('warn', 'Resources were open when the audit log was closed.', { open });
    this.#endGap();
    for (const members of left) this.#put(`${members},"reason":"left-open"`);
    this.#put(`"event":"gateway.stop","open":${asciiJson(open)}`);
    this.#deps.notice('info', 'The audit log ends.', { ...this.last });
    const lost = await this.#sink.close();
    if (lost > 0) this.#deps.notice('error', 'Records of the audit log could not be written.', { lost });
  }

  // A stream that was ended is over when its last bytes are gone, which nobody waits for but this.
  async #balanced(): Promise<void> {
    if (this.#fold.isEmpty) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onBalanced = resolve;
    const timer = this.#deps.clock.after(LAST_CLOSES_MS, resolve);
    await promise;
    timer.clear();
  }

  /** False when there is no room. What is paired may use twice as much: a lost exchange is one line less, a lost close is a session that never ends. */
  #append(members: string, isPaired: boolean): boolean {
    const { queueBytes } = this.#settings;
    const pending = this.#sink.pendingBytes;
    const room = isPaired ? 2 * queueBytes : this.#gap === undefined ? queueBytes : queueBytes / 2;
    if (pending > room) {
      this.#drop(members);
      return false;
    }
    if (this.#gap !== undefined && pending <= queueBytes / 2) this.#endGap();
    const now = this.#deps.clock.now();
    const count = this.#seq - this.#anchoredSeq;
    if (count >= this.#settings.anchorEvery || (count > 0 && now - this.#anchoredAt >= ANCHOR_MS)) this.#anchor(now);
    this.#put(members);
    return true;
  }

  #put(members: string): void {
    const bytes = this.#head.length + members.length + FRAME_CHARS;
    const isFull = this.#fileBytes > 0 && this.#fileBytes + bytes > this.#settings.maxBytes;
    if (isFull) {
      this.#fileBytes = 0;
      this.#write(`"event":"log.continue","prev":"${this.#mac}"`, this.#seq);
    }
    this.#write(members);
  }

  #write(members: string, begins?: number): void {
    const text = `{"v":1,"seq":${this.#seq},"t":"${this.#now()}",${this.#head}${members}`;
    this.#mac = this.#keys.mac(this.#mac, text);
    this.#seq++;
    const line = `${sealLine(text, this.#mac)}\n`;
    this.#fileBytes += line.length;
    this.#sink.push(line, begins);
  }

  #anchor(now: number): void {
    const { seq, mac } = this.last;
    this.#anchoredAt = now;
    this.#put(`"event":"log.anchor","of":${seq},"open":${asciiJson(this.#fold.open)}`);
    this.#anchoredSeq = this.#seq;
    this.#deps.notice('info', 'The audit log so far.', { seq, mac });
  }

  #drop(members: string): void {
    if (this.#gap === undefined) {
      this.#gap = { since: this.#now(), events: {} };
      this.#deps.notice('error', 'The audit log is written too slowly: records are dropped.', {
        pendingBytes: this.#sink.pendingBytes,
      });
    }
    this.#dropped++;
    const event = /^"event":"([\w.]+)"/.exec(members)?.[1] ?? 'other';
    this.#gap.events[event] = (this.#gap.events[event] ?? 0) + 1;
  }

  #endGap(): void {
    const gap = this.#gap;
    if (gap === undefined) return;
    this.#gap = undefined;
    const dropped = Object.values(gap.events).reduce((sum, each) => sum + each, 0);
    this.#put(`"event":"log.gap","dropped":${dropped},"since":"${gap.since}","events":${asciiJson(gap.events)}`);
    this.#deps.notice('warn', 'The audit log has a gap.', { dropped, since: gap.since });
  }

  #tellLate(event: string): void {
    if (this.#isLateTold) return;
    this.#isLateTold = true;
    this.#deps.notice('warn', 'An event came after the audit log was closed.', { event });
  }

  #now(): string {
    const at = this.#deps.clock.now();
    if (this.#time.at !== at) this.#time = { at, text: new Date(at).toISOString() };
    return this.#time.text;
  }
}

function namesOf(names: readonly string[]): string {
  return `[${names.slice(0, MOST_NAMES).map(quote).join()}]`;
}
