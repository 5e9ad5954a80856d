/** The requests that every cell of the matrix makes. */
export type Asked = 'tools/list' | 'tools/call' | 'resources/list' | 'resources/read' | 'prompts/list' | 'prompts/get';

/** Members of a request's params or of a result. */
export type Members = Readonly<Record<string, unknown>>;

/** The two kinds of protocol (eras.md). */
export type Era = 'legacy' | 'modern';

/** A real client that is connected. */
export interface TestClient {
  /** Makes one request; resolves with the result and rejects with what the client makes of an error. */
  ask(method: Asked, params?: Members): Promise<Members>;
  /** Ends it the way its own users do. */
  close(): Promise<void>;
}

/** A kind of client: a row of the matrix. */
export interface ClientKind {
  readonly name: string;
  /** The revision it comes to speak with the gateway; 2025-03-26 is what a request means that does not say. */
  readonly revision: '2025-03-26' | '2025-11-25' | '2026-07-28';
  /** False for a program that goes away without ending its session; the gateway then keeps it until it is idle too long. */
  readonly endsSession: boolean;
  /** True for a program that runs anew for each request: it is asked each kind of question once. */
  readonly isSlow?: true;
  /** Connects to an endpoint of a gateway. */
  connect(url: string): Promise<TestClient>;
}

/** What comes to a client without having been asked for. */
export interface Listener {
  progress(params: Members): void;
  toolsChanged(): void;
}

/** A client that can also be told things. */
export interface LiveClient extends TestClient {
  /** Resolves once the server knows that changes of its tools are to be told. */
  watchTools(): Promise<void>;
}
