/**
 * What must come of every question, derived from reference/eras.md §1.5, §2.3–2.6 and §2.13 and not from what the gateway does. Two rows of that
 * matrix were decided otherwise since: a modern client is asked for roots in the middle of a call like for anything else, and what ends a
 * `tools/call` is always a result with `isError` that the model can read, also where a person took too long.
 */
import type { Kind } from './askers/words.ts';
import { type AnswerKind, hasAction } from './play.ts';
import type { UpstreamTraits } from './upstreams.ts';

/** What must come of one cell. */
export interface Expected {
  readonly verdict: 'works' | 'loss' | 'refused';
  /** What the client's call gives. */
  readonly call: string;
  /** How often the client is asked. */
  readonly asked: number;
  /** What the server notes; `cancelled` aside, which not every transport can tell it. */
  readonly server: readonly string[];
  readonly attack?: string;
  /** The loss or the refusal, for people. */
  readonly note?: string;
}

/** The sentence of §2.5 no. 10. */
const EXPIRED =
  "The question this answer belongs to has expired (the server's call could not be kept open). Call the tool again from the start.";
const TIMED_OUT = 'Request timed out';
const STOLEN = 'error -32602: The requestState belongs to another request.';

/** The outcome of a cell. */
export function expectedOf(revision: string, server: UpstreamTraits, kind: Kind, answer: AnswerKind): Expected {
  if (!server.findsAnswers) return fromStateless(revision, kind, answer);
  if (!canBeAsked(revision, kind)) return undeclared(revision, server, kind);
  const isModern = revision === '2026-07-28';
  if (isModern) return server.era === 'modern' ? passed(server, kind, answer) : parked(kind, answer);
  return server.era === 'modern' ? forwarded(kind, answer) : relayed(kind, answer);
}

// §1.5: which revision has which question.
function canBeAsked(revision: string, kind: Kind): boolean {
  if (kind === 'form') return revision >= '2025-06-18';
  return kind !== 'url' || revision >= '2025-11-25';
}

/** §2.13: the capability is not declared, so the server says no itself; one that asks all the same is told by the gateway. */
function undeclared(revision: string, server: UpstreamTraits, kind: Kind): Expected {
  const end = (text: string, noted: readonly string[]): Expected => {
    return refused({ call: `isError: ${text}`, asked: 0, server: ['asked', ...noted] }, text);
  };
  if (server.era === 'modern') {
    return end(`This tool needs to ask the user for input (${kind}). This client does not support it.`, []);
  }
  if (server.knowsClient) return refusedBySdk(kind);
  // 2025-11-25 client/elicitation §Error Handling: a mode of a declared capability is a fault of the params.
  const text =
    kind === 'url' && revision >= '2025-06-18'
      ? 'The client did not declare this mode of elicitation.'
      : 'The client did not declare the capability to be asked this.';
  return end(text, [`failed ${text}`]);
}

function refusedBySdk(kind: Kind): Expected {
  const text = `Client does not support ${kind} elicitation.`;
  return refused({ call: `isError: ${text}`, asked: 0, server: ['asked', `failed ${text}`] }, `“${text}”`);
}

/** §2.2 note 2: a stateless server asks, and the answer arrives at another instance of it; it does not know what was declared either. */
function fromStateless(revision: string, kind: Kind, answer: AnswerKind): Expected {
  if (hasAction(kind)) return refusedBySdk(kind);
  const isModern = revision === '2026-07-28';
  const server = ['asked', `failed ${TIMED_OUT}`];
  const note = `“${TIMED_OUT}”: a stateless server never gets the answer to its question`;
  const end = (call: string, asked: number): Expected => {
    const attack = isModern ? STOLEN : '404';
    return refused({ call, asked, server, ...(answer === 'wrong principal' && { attack }) }, note);
  };
  if (!isModern) return end(`isError: ${TIMED_OUT}`, 1);
  if (answer === 'never') return end('input_required', 1);
  if (answer === 'expired') return refused({ call: `isError: ${EXPIRED}`, asked: 1, server }, `“${EXPIRED}”`);
  return end(`isError: ${TIMED_OUT}`, answer === 'decline' || answer === 'cancel' ? 2 : 1);
}

/** §2.3 L→L: real requests on both sides, each under an id of its own leg. */
function relayed(kind: Kind, answer: AnswerKind): Expected {
  switch (answer) {
    case 'decline':
    case 'cancel': {
      if (hasAction(kind)) return works({ call: answer, asked: 1, server: ['asked', `got ${answer}`] });
      const { text } = refusalOf(answer);
      return works({ call: `isError: ${text}`, asked: 1, server: ['asked', `failed ${text}`] });
    }
    case 'never':
    case 'expired': {
      const ended = { call: `isError: ${TIMED_OUT}`, asked: 1, server: ['asked', `failed ${TIMED_OUT}`] };
      return refused(ended, `“${TIMED_OUT}”: the server's own patience counts`);
    }
    default:
      return answered(kind, answer, { attack: '404' });
  }
}

/** §2.3 FWD: the results of a modern server become requests to a legacy client. */
function forwarded(kind: Kind, answer: AnswerKind): Expected {
  switch (answer) {
    case 'decline':
    case 'cancel': {
      if (hasAction(kind)) return works({ call: answer, asked: 1, server: ['asked', `got ${answer}`] });
      const { code, text } = refusalOf(answer);
      const note = `the client's own error ends the call: 2026-07-28 has no answer that says no to ${nameOf(kind)}`;
      return loss({ call: `error ${code}: ${text}`, asked: 1, server: ['asked'] }, note);
    }
    case 'never':
    case 'expired': {
      const text = 'Timed out waiting for your input.';
      return refused({ call: `isError: ${text}`, asked: 1, server: ['asked'] }, `“${text}”`);
    }
    default:
      return answered(kind, answer, { attack: '404' });
  }
}

/** §2.5 PARK: the requests of a legacy server become results for a modern client, and the server's call is kept open. */
function parked(kind: Kind, answer: AnswerKind): Expected {
  const ended = hasAction(kind) ? 'got cancel' : 'failed Nobody answered in time.';
  switch (answer) {
    case 'decline':
    case 'cancel':
      if (hasAction(kind)) return works({ call: answer, asked: 1, server: ['asked', `got ${answer}`] });
      return askedAgain(kind, ['asked', `got ${accepted(kind)}`]);
    case 'never': {
      const note = `the server is told ${hasAction(kind) ? '`cancel`' : '“Nobody answered in time.”'} when the time is up`;
      return refused({ call: 'input_required', asked: 1, server: ['asked', ended] }, note);
    }
    case 'expired':
      return refused({ call: `isError: ${EXPIRED}`, asked: 1, server: ['asked', ended] }, `“${EXPIRED}”`);
    default:
      return answered(kind, answer, { attack: STOLEN });
  }
}

/** Conclusion 5: between two modern ends nothing is read, kept or judged. */
function passed(server: UpstreamTraits, kind: Kind, answer: AnswerKind): Expected {
  const got = `got ${accepted(kind)}`;
  switch (answer) {
    case 'decline':
    case 'cancel':
      if (hasAction(kind)) return works({ call: answer, asked: 1, server: ['asked', `got ${answer}`] });
      return askedAgain(kind, ['asked', 'asked', got]);
    case 'never':
      return works({ call: 'input_required', asked: 1, server: ['asked'] });
    case 'twice':
      return loss(
        { call: accepted(kind), asked: 1, server: ['asked', got, got] },
        'the server runs twice: only it could know that it did',
      );
    case 'wrong principal': {
      const [stolen, note] = [
        forgery(kind),
        "the server's own state is its own to bind to a user (mrtr §Server Requirements)",
      ];
      // A process that serves one user never made a state for another.
      if (server.perUser) return answered(kind, answer, { attack: 'error -32602: Invalid or expired requestState' });
      const cell = { call: accepted(kind), asked: 1, server: ['asked', `got ${stolen}`, got], attack: stolen };
      return loss(cell, note);
    }
    case 'expired': {
      const text = 'Invalid or expired requestState';
      return refused({ call: `error -32602: ${text}`, asked: 1, server: ['asked'] }, `“${text}”, as the server said`);
    }
    default:
      return answered(kind, answer, {});
  }
}

function answered(kind: Kind, answer: AnswerKind, { attack }: { readonly attack?: string }): Expected {
  const cell = { call: accepted(kind), asked: 1, server: ['asked', `got ${accepted(kind)}`] };
  return works(answer === 'wrong principal' && attack !== undefined ? { ...cell, attack } : cell);
}

function askedAgain(kind: Kind, server: readonly string[]): Expected {
  const note = `2026-07-28 has no answer that says no to ${nameOf(kind)}: left out, it is asked again`;
  return loss({ call: accepted(kind), asked: 2, server }, note);
}

function accepted(kind: Kind): string {
  return { form: 'accept Ann', url: 'accept', sampling: 'sampled Ann', roots: 'file:///ann' }[kind];
}

function forgery(kind: Kind): string {
  return { form: 'accept Mallory', url: 'decline', sampling: 'sampled Mallory', roots: 'file:///mallory' }[kind];
}

function nameOf(kind: Kind): string {
  return kind === 'roots' ? 'a request for roots' : kind;
}

function refusalOf(answer: 'decline' | 'cancel'): { readonly code: number; readonly text: string } {
  return answer === 'decline'
    ? { code: -1, text: 'User rejected the request.' }
    : { code: -32000, text: 'The user went away.' };
}

type Cell = Omit<Expected, 'verdict' | 'note'>;

function works(cell: Cell): Expected {
  return { verdict: 'works', ...cell };
}

function loss(cell: Cell, note: string): Expected {
  return { verdict: 'loss', ...cell, note };
}

function refused(cell: Cell, note: string): Expected {
  return { verdict: 'refused', ...cell, note };
}
