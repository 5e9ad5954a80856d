import type { JSONRPCMessage, McpServer, Server, Transport } from '@modelcontextprotocol/server';
import type { ChannelListener, DuplexChannel } from './channel.ts';
import type { InProcessFactory, InProcessServer } from './options.ts';

/** Reports what went wrong inside the server; for the log. */
type OnFault = (error: unknown) => void;

/** A server object of this process as a channel: what it says is written as JSON, as it would be on a pipe. */
export class InProcessChannel implements DuplexChannel {
  readonly #waiting: Buffer[] = [];
  readonly #stop: () => Promise<void>;
  readonly #transport: Transport;
  #resumed = Promise.withResolvers<void>();
  #listener: ChannelListener | undefined;
  #isPaused = false;
  #isScheduled = false;
  #isClosedByUs = false;
  #isEnded = false;
  #closing: Promise<void> | undefined;

  private constructor(serve: (transport: Transport) => () => Promise<void>) {
    this.#resumed.resolve();
    this.#transport = {
      start: async () => undefined,
      send: (message) => {
        this.#waiting.push(Buffer.from(JSON.stringify(message)));
        this.#schedule();
        return this.#resumed.promise;
      },
      close: async () => this.#end(),
    };
    this.#stop = serve(this.#transport);
  }

  /** Builds a server with `factory` and connects it. Rejects with what the factory threw. */
  static async open(factory: InProcessFactory, onFault: OnFault): Promise<InProcessChannel> {
    // Loaded here: a gateway that only spawns or calls remote servers never pays for the SDK.
    const [{ serveStdio }, sdk] = await Promise.all([
      import('@modelcontextprotocol/server/stdio'),
      import('@modelcontextprotocol/server'),
    ]);
    const isOwn = (server: InProcessServer): server is InProcessServer & (McpServer | Server) =>
      server instanceof sdk.McpServer || server instanceof sdk.Server;
    const first = await factory();
    if (!isOwn(first)) return new InProcessChannel((transport) => connectForeign(first, transport, onFault));
    // The SDK asks for a server once per era it meets; the first one is there already.
    let ready: (McpServer | Server) | undefined = first;
    const next = async (): Promise<McpServer | Server> => {
      const server = ready ?? (await factory());
      ready = undefined;
      if (isOwn(server)) return server;
      throw new TypeError('The factory returned servers of two different SDKs.');
    };
    return new InProcessChannel((transport) => {
      const handle = serveStdio(next, { transport, onerror: onFault });
      return () => handle.close();
    });
  }

  listen(listener: ChannelListener): void {
    this.#listener = listener;
    this.#schedule();
  }

  send(message: Buffer): boolean {
    if (this.#isEnded || this.#closing !== undefined) return false;
    const value = JSON.parse(message.toString()) as JSONRPCMessage;
    queueMicrotask(() => this.#transport.onmessage?.(value));
    return true;
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#resumed = Promise.withResolvers<void>();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#resumed.resolve();
    this.#schedule();
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#isClosedByUs = true;
      this.resume();
      await this.#stop();
      this.#end();
    })();
    return this.#closing;
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#resumed.resolve();
    this.#transport.onclose?.();
    this.#schedule();
  }

  // Delivery is never inside a call of either side: each would find the other in the middle of something.
  #schedule(): void {
    if (this.#isScheduled || this.#listener === undefined) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (!this.#isPaused || this.#isEnded) {
      const message = this.#waiting.shift();
      if (message === undefined) break;
      if (!this.#isClosedByUs) this.#listener?.message(message);
    }
    if (!this.#isEnded || this.#waiting.length > 0) return;
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.end(this.#isClosedByUs ? 'closed' : 'lost', 'the server closed its transport');
  }
}

// A server of another SDK version or copy: it is connected as it is, and speaks the era it knows.
function connectForeign(server: InProcessServer, transport: Transport, onFault: OnFault): () => Promise<void> {
  const connected = server.connect(transport).catch((error: unknown) => {
    onFault(error);
    return transport.close();
  });
  return async () => {
    await connected;
    await server.close();
  };
}
