import { type Implementation, McpServer, type McpServerOptions, type Transport } from '@modelcontextprotocol/server';

/**
 * A server that watches shared state, from when it is connected until it is closed. One that is never connected, as the SDK
 * makes for `subscriptions/listen`, is never watched for and so never kept.
 */
export class WatchingServer extends McpServer {
  readonly #watch: (server: WatchingServer) => () => void;
  #unwatch: (() => void) | undefined;

  /** `watch` begins to watch and returns what ends it. */
  constructor(info: Implementation, options: McpServerOptions, watch: (server: WatchingServer) => () => void) {
    super(info, options);
    this.#watch = watch;
    this.server.onclose = () => this.#unwatch?.();
  }

  override async connect(transport: Transport): Promise<void> {
    await super.connect(transport);
    this.#unwatch = this.#watch(this);
  }

  /** Tells whether this instance serves a revision without sessions, where the SDK filters notifications for us. */
  get isModern(): boolean {
    return (this.server.getNegotiatedProtocolVersion() ?? '') >= '2026-07-28';
  }
}
