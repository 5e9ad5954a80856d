/** Why a channel ended: we closed it, the other side ended or crashed, or it could not be started at all. */
export type ChannelEnd = 'closed' | 'lost' | 'failed';

/** A message that was thrown away because it was longer than the limit: its length and both its ends. */
export interface OversizeMessage {
  readonly bytes: number;
  readonly head: Buffer;
  readonly tail: Buffer;
}

/** Receives what a channel brings. Calls come one at a time, never from inside a call to the channel; `end` comes exactly once and last. */
export interface ChannelListener {
  /** One JSON-RPC message's bytes, not yet parsed. The buffer belongs to the listener. */
  message(bytes: Buffer): void;
  oversize(message: OversizeMessage): void;
  /** `detail` is for the log: it may hold upstream text. */
  end(reason: ChannelEnd, detail: string): void;
}

/** A two-way stream of whole JSON-RPC messages, whatever carries them: a child's pipes, memory, or HTTP+SSE. */
export interface DuplexChannel {
  /** Sets the listener and starts delivery; called once. Nothing is lost before it. */
  listen(listener: ChannelListener): void;
  /**
   * Sends one message (no newline in or after it). False when it was not taken: the channel ended, or the other side reads so slowly that
   * the queue is full. `onLost` is called when a taken message is known not to have arrived while the channel lives on.
   */
  send(message: Buffer, onLost?: (detail: string) => void): boolean;
  /** Stops delivery (and reading, as far as the transport can) until {@link resume}. */
  pause(): void;
  resume(): void;
  /** Resident memory of the process at the other end, where there is one of ours and the system tells. */
  memoryBytes?(): number | undefined;
  /** Ends the channel and resolves when nothing of it is left. May be called again. */
  close(): Promise<void>;
}
