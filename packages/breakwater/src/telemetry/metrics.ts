import type { ExchangeRecord, GatewayEvent } from '../core/events.ts';
import type { Clock } from '../core/ports.ts';
import { methodTraits } from '../protocol/methods.ts';
import { eraOf } from '../protocol/revision.ts';
import type { AuditStatus } from './audit.ts';
import { renderAudit } from './audit-metrics.ts';
import { type FleetReading, renderFleet } from './fleet-metrics.ts';
import { clientLabel } from './known-clients.ts';
import type { LedgerCounts } from './ledger.ts';
import { CounterFamily, HistogramFamily, renderGauge } from './series.ts';

/** What is looked at when somebody asks for the metrics. */
export interface MetricsReading {
  readonly version: string;
  readonly open: LedgerCounts;
  readonly orphans: number;
  readonly eventLoopDelayMs: number;
  readonly rssBytes: number;
  readonly upstreams: readonly {
    readonly name: string;
    readonly handles: number;
    readonly borrowed: number;
    readonly waiting: number;
    readonly circuit: 'closed' | 'open' | 'half-open';
    readonly failures: number;
  }[];
  /** Absent for a node that stands alone. */
  readonly fleet?: FleetReading | undefined;
  /** Absent without an audit log. */
  readonly audit?: AuditStatus | undefined;
}

/** The reasons a session ends with, as the statistics name them (observability.md §2). */
const CLOSE_REASONS: Readonly<Record<string, string>> = {
  client: 'client_delete',
  idle: 'idle_timeout',
  handshake: 'idle_timeout',
  'max-age': 'max_age',
  evicted: 'evicted',
  drain: 'shutdown',
  'route-removed': 'admin',
  'stream-closed': 'transport_gone',
  'client-gone': 'transport_gone',
  'initialize-failed': 'upstream_gone',
};
/** Why a node of a fleet lets go of a session that is not its to count: it lives on, or another node ended it. */
const LIVES_ON: ReadonlySet<string> = new Set(['unloaded', 'ended-elsewhere']);
const STREAM_KINDS: Readonly<Record<string, string>> = {
  post: 'post_sse',
  get: 'get_sse',
  listen: 'listen',
  'sse-2024': 'legacy_sse',
};
const SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const LONG_SECONDS = [...SECONDS, 900, 3_600, 14_400, 86_400];

/**
 * Folds events into Prometheus metrics. No caller-sent string is ever a label: labels come from tables of the protocol, of errors and of
 * accommodations, and from configuration; every family is capped besides.
 */
export class Metrics {
  readonly #clock: Clock;
  readonly #overflow = new CounterFamily({
    name: 'mcpgw_telemetry_overflow_total',
    help: 'Observations that went to the overflow series because a family was full.',
    labels: ['family'],
    cap: 50,
    onOverflow: noteNothing,
  });
  readonly #operations = this.#histogram(
    'mcp_server_operation_duration_seconds',
    'Duration of exchanges as clients see them.',
    ['mcp_method_name', 'mcp_protocol_version', 'error_type'],
    150,
    SECONDS,
  );
  readonly #messages = this.#counter('mcpgw_messages_total', 'Exchanges by method.', ['method', 'era'], 200);
  readonly #opens = this.#counter('mcpgw_opens_total', 'Sessions opened.', ['era', 'client'], 84);
  readonly #closed = this.#counter('mcpgw_sessions_closed_total', 'Sessions ended.', ['era', 'reason'], 40);
  readonly #hostKinds = this.#counter(
    'mcpgw_sessions_by_host_kind_total',
    'Ended sessions by what they turned out to be.',
    ['era', 'host_kind'],
    8,
  );
  readonly #rejects = this.#counter('mcpgw_http_rejects_total', 'Requests refused, by error code.', ['reason'], 80);
  readonly #accommodations = this.#counter('mcpgw_accommodations_total', 'Tolerances used.', ['id'], 60);
  readonly #toolCalls = this.#counter('mcpgw_tool_calls_total', 'Tool calls.', ['upstream', 'outcome'], 400);
  readonly #sent = this.#counter('mcpgw_upstream_requests_total', 'Messages sent to servers.', ['upstream'], 50);
  readonly #streams = this.#histogram(
    'mcpgw_stream_duration_seconds',
    'Life of event streams.',
    ['kind', 'end'],
    40,
    LONG_SECONDS,
  );
  readonly #openStreams = new Map<string, { readonly kind: string; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  record(event: GatewayEvent): void {
    switch (event.type) {
      case 'exchange':
        return this.#exchange(event.record);
      case 'open':
        if (event.resource === 'session') {
          if (event.isResumed !== true) this.#opens.increment('legacy', clientLabel(event.client));
        } else if (event.resource === 'stream') {
          this.#openStreams.set(event.id, { kind: STREAM_KINDS[event.detail] ?? 'other', at: this.#clock.now() });
        }
        return;
      case 'close':
        return this.#close(event);
      case 'accommodation':
        return this.#accommodations.increment(event.id);
      case 'refusal':
        return this.#rejects.increment(event.code);
      case 'upstream-request':
        return this.#sent.increment(event.upstream);
      case 'notice':
      case 'passed-on':
      case 'stream-adopted':
      case 'call-adopted':
      case 'node-lost':
      case 'store-failure':
        return;
    }
  }

  /** Everything in the text format of Prometheus. */
  render(reading: MetricsReading): string {
    const { open, upstreams } = reading;
    const streams = new Map(Object.values(STREAM_KINDS).map((kind) => [kind, 0]));
    for (const { kind } of this.#openStreams.values()) streams.set(kind, (streams.get(kind) ?? 0) + 1);
    const perUpstream = (value: (upstream: (typeof upstreams)[number]) => number) =>
      upstreams.map((upstream) => ({ labels: { upstream: upstream.name }, value: value(upstream) }));
    const families = [
      this.#operations,
      this.#messages,
      this.#opens,
      this.#closed,
      this.#hostKinds,
      this.#rejects,
      this.#accommodations,
      this.#toolCalls,
      this.#sent,
      this.#streams,
      this.#overflow,
    ];
    return [
      ...families.map((family) => family.render()),
      renderGauge('mcpgw_sessions_active', 'Open sessions; in a fleet those that this node has now.', [
        { value: open.session },
      ]),
      renderGauge(
        'mcpgw_streams_open',
        'Open event streams.',
        [...streams].map(([kind, value]) => ({ labels: { kind }, value })),
      ),
      renderGauge('mcpgw_subscriptions_active', 'Open subscriptions.', [{ value: open.subscription }]),
      renderGauge('mcpgw_parked_calls', 'Calls held open for clients that gather input.', [{ value: open.park }]),
      renderGauge('mcpgw_held_calls', 'Calls over plain HTTP whose outcome is fetched later.', [{ value: open.call }]),
      renderGauge('mcpgw_resources_orphaned', 'Open resources whose session is gone; must be 0.', [
        { value: reading.orphans },
      ]),
      renderGauge(
        'mcpgw_upstream_up',
        'Whether requests are let through to the server.',
        perUpstream(({ circuit }) => (circuit === 'closed' ? 1 : 0)),
      ),
      renderGauge(
        'mcpgw_upstream_handles_open',
        'Open handles.',
        perUpstream(({ handles }) => handles),
      ),
      renderGauge(
        'mcpgw_upstream_waiting',
        'Callers who wait for a handle.',
        perUpstream(({ waiting }) => waiting),
      ),
      renderGauge(
        'mcpgw_upstream_handles_borrowed',
        'Open handles that are other nodes’.',
        perUpstream(({ borrowed }) => borrowed),
      ),
      renderGauge(
        'mcpgw_upstream_failures',
        'Handles that ended by themselves or could not be opened, since the start.',
        perUpstream(({ failures }) => failures),
      ),
      reading.fleet === undefined ? '' : renderFleet(reading.fleet),
      reading.audit === undefined ? '' : renderAudit(reading.audit),
      renderGauge('mcpgw_build_info', 'The version.', [{ labels: { version: reading.version }, value: 1 }]),
      renderGauge('nodejs_eventloop_lag_seconds', 'Mean lateness of the event loop in the last window.', [
        { value: reading.eventLoopDelayMs / 1_000 },
      ]),
      renderGauge('process_resident_memory_bytes', 'Resident memory.', [{ value: reading.rssBytes }]),
    ].join('');
  }

  #exchange(record: ExchangeRecord): void {
    const { method, revision, outcome, code, upstream } = record;
    const known = methodTraits(method) === undefined ? 'other' : method;
    this.#messages.increment(known, eraOf(revision));
    const error = outcome === 'ok' ? '' : (code ?? outcome);
    this.#operations.observe(record.durationMs / 1_000, known, revision, error);
    if (method === 'tools/call') this.#toolCalls.increment(upstream ?? 'none', outcome);
  }

  #close(event: Extract<GatewayEvent, { type: 'close' }>): void {
    if (event.resource === 'session') {
      if (LIVES_ON.has(event.reason)) return;
      this.#closed.increment('legacy', CLOSE_REASONS[event.reason] ?? 'admin');
      if (event.detail !== undefined) this.#hostKinds.increment('legacy', event.detail);
    } else if (event.resource === 'stream') {
      const stream = this.#openStreams.get(event.id);
      if (stream === undefined) return;
      this.#openStreams.delete(event.id);
      this.#streams.observe((this.#clock.now() - stream.at) / 1_000, stream.kind, event.reason);
    }
  }

  #counter(name: string, help: string, labels: readonly string[], cap: number): CounterFamily {
    return new CounterFamily({ name, help, labels, cap, onOverflow: this.#onOverflow });
  }

  #histogram(
    name: string,
    help: string,
    labels: readonly string[],
    cap: number,
    bounds: readonly number[],
  ): HistogramFamily {
    return new HistogramFamily({ name, help, labels, cap, bounds, onOverflow: this.#onOverflow });
  }

  // Read when a family is full, after everything is constructed.
  get #onOverflow(): (family: string) => void {
    return (family) => this.#overflow.increment(family);
  }
}

function noteNothing(): void {
  // The overflow of the overflow counter itself: its label is one of ours, so it cannot happen.
}
