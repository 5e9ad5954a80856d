/** What a load is made of. Each load is one file of this folder and one line of `table.ts`. */

/** One simulated MCP client on one connection. */
export interface LoadClient {
  /** Does what precedes the measured work, for example the legacy handshake. Called again after an error. */
  open(): Promise<void>;
  /** Does one unit of work, validates every response, and returns how many HTTP requests it took. Throws what went wrong. */
  step(): Promise<number>;
  /** Ends politely, for example with DELETE, and cuts the connection. Never throws. */
  close(): Promise<void>;
}

/** The two families of revisions. */
export type Era = 'legacy' | 'modern';

/** One kind of traffic. */
export interface Load {
  readonly name: string;
  /** One line for the report. */
  readonly title: string;
  /** Era of the simulated clients. */
  readonly client: Era;
  /** Era of the server behind the contender; where it is not the client's, only a bridge can do it. */
  readonly upstream: Era;
  /** What the server is reached by; HTTP when absent. */
  readonly over?: 'http' | 'stdio';
  /** What one step is, and so what every figure is per. */
  readonly unit: 'request' | 'session';
  /** How many clients run at once. */
  readonly clients: number;
  /** Whether the paired latency test runs it too. */
  readonly paired: boolean;
  /** Creates one client of the endpoint; it connects on first use. */
  createClient(url: URL): LoadClient;
}

/** A response that came, but is not what the protocol promises. Its message is counted and reported. */
export class WrongReply extends Error {
  override readonly name = 'WrongReply';
}
