import type { Handle } from '../core/ports.ts';
import type { CapabilityProfile } from '../protocol/capabilities.ts';

/** What a new handle is opened for. */
export interface OpenNeed {
  /** Which questions the client behind the handle can be asked; {@link NO_QUESTIONS} where many clients share it. */
  readonly profile: CapabilityProfile;
  /** The client's `clientInfo` bytes; undefined when unknown or when many clients share the handle. */
  readonly clientInfo: Buffer | undefined;
  /** Absolute time (Clock.now) by which the handle must be there. */
  readonly deadline: number;
  /** The id the handle must carry. */
  readonly handleId: string;
  /** Several clients use the handle: it declares no capabilities, takes no questions and passes no logs on. */
  readonly shared: boolean;
  /** The handle's key, where this node owns it for its fleet: what a later owner can go on with is kept under it. */
  readonly ownedKey?: string | undefined;
  /** Aborted when nobody needs the handle any more; the opener then rejects soon and leaves nothing behind. */
  readonly signal: AbortSignal;
}

/** A handle as an opener brings it. */
export interface OpenedHandle extends Handle {
  /**
   * Whether the server keeps state for this handle (a process, a stream, an `Mcp-Session-Id`). False makes the handle shareable between
   * clients, because the server cannot tell them apart anyway. Absent means true for a legacy revision and false for a modern one.
   */
  readonly hasSession?: boolean;
  /** Resident memory of the server's process, where it is a child of ours and the system tells. */
  memoryBytes?(): number | undefined;
  /** Adds a listener for its being handed over: it is not for new callers then. Returns its removal. Absent where that never happens. */
  onRetired?(listener: () => void): () => void;
}

/**
 * Opens one handle: connects or spawns, settles the era, and completes the handshake. Rejects with a GatewayError (`upstream.unavailable`,
 * `upstream.auth`, `upstream.version`, `upstream.timeout`, `upstream.invalid`) by the deadline, and then leaves no process, socket or session behind.
 */
export type HandleOpener = (need: OpenNeed) => Promise<OpenedHandle>;
