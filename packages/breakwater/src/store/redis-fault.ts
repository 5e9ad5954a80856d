import { ClientClosedError, ClientOfflineError, ErrorReply } from '@redis/client';

/**
 * Why a command brought no result. `down`: there is no connection and the last attempt at one failed. `unsent`: the connection went before the
 * command did. `lost`: it went while the reply was awaited, nobody knows whether the command ran. `late`: no reply in time, nobody knows. `refused`: the
 * server did not run it and another one may, or the same one soon. `failed`: the server says it cannot be done.
 */
export type FaultKind = 'down' | 'unsent' | 'lost' | 'late' | 'refused' | 'failed';

/** Replies of servers that did not run the command but may have it run elsewhere or later. */
const REFUSALS = new Set([
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'BUSY',
  'MOVED',
  'ASK',
  'TRYAGAIN',
  'CLUSTERDOWN',
  'NOSCRIPT',
]);

const REJECTIONS = new Set(['WRONGPASS', 'NOAUTH', 'NOPERM']);

/** A command that brought no result. Its text never holds values or credentials. */
export class RedisFault extends Error {
  readonly kind: FaultKind;
  /** First word of a server's error reply, for example `MOVED`; empty for other faults. */
  readonly reply: string;

  constructor(kind: FaultKind, message: string, options: { readonly cause?: unknown; readonly reply?: string } = {}) {
    super(message, { cause: options.cause });
    this.name = 'RedisFault';
    this.kind = kind;
    this.reply = options.reply ?? '';
  }
}

/** What went wrong when the client library rejected a command. */
export function faultOf(error: unknown, where: string): RedisFault {
  if (error instanceof RedisFault) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof ErrorReply) {
    const reply = replyOf(text);
    return new RedisFault(REFUSALS.has(reply) ? 'refused' : 'failed', `${where}: ${text}`, { cause: error, reply });
  }
  const kind = error instanceof ClientClosedError || error instanceof ClientOfflineError ? 'unsent' : 'lost';
  return new RedisFault(kind, `${where}: ${text}`, { cause: error });
}

/** One fault for several attempts that all failed. */
export function noneOf(what: string, problems: readonly RedisFault[]): RedisFault {
  const reasons = problems.map(({ message }) => message).join('; ');
  return new RedisFault('down', `${what}: ${reasons}`, { cause: problems.find(isRejected) ?? problems[0] });
}

/** True when the server knows us and does not want us: waiting will not help. */
export function isRejected(error: unknown): boolean {
  if (!(error instanceof RedisFault)) return false;
  return REJECTIONS.has(error.reply) || isRejected(error.cause);
}

/** Before Redis 7 an error inside a script stood at the end of a longer text. */
function replyOf(text: string): string {
  return /^(?:ERR Error running script .*?-)?([A-Z]+)\b/.exec(text)?.[1] ?? 'ERR';
}
