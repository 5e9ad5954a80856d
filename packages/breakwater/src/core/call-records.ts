import type { RawId } from '../jsonrpc/id.ts';
import type { WrittenForward } from '../protocol/bridge/questions/forward-record.ts';

/** Where the answer of a call goes, so that another node can bring it there. */
export interface CallPlace {
  /** The stream, as it is written down. */
  readonly streamId: string;
  /** The client's request. */
  readonly requestId: RawId;
  /** JSON bytes of the client's progress token; undefined where it wants no progress. */
  readonly progressToken: string | undefined;
}

/** A legacy client's call on a modern server that waits for its client, as another node can go on with it. */
export interface WaitingCall extends CallPlace {
  readonly method: string;
  /** What is addressed, in the client's words. */
  readonly name: string | undefined;
  readonly logLevel: string | undefined;
  readonly upstream: string;
  /** In the server's own names. */
  readonly params: Buffer | undefined;
  readonly state: WrittenForward;
  /** The ids under which the client has the open questions, by their keys. */
  readonly questions: readonly (readonly [key: string, id: string])[];
  /** Absolute time (Clock.now) by which the client has to answer. */
  readonly deadline: number;
}

/** What is written down of one call by the node that has it. Nothing here rejects: a call whose store is away goes on, and ends with its node. */
export interface CallRecord {
  /** The id of the question with this key: it says which call it belongs to. */
  questionId(key: string): string;
  /** Writes down where the call stands; resolves when that is done, or cannot be. */
  note(call: WaitingCall): Promise<void>;
  /** Asks for the right to go on from what was noted last, before the server is told anything. False when another node has taken it: this one must not. */
  claim(): Promise<boolean>;
  /** The call is over. */
  forget(): void;
}

/** A call of another node, or of this one, that is written down. */
export interface FoundCall {
  /** The node that has it. */
  readonly node: string;
  /** True once that node went on from what is written: then nobody else can. */
  readonly isTaken: boolean;
  /** Takes the call over; undefined when another node was first. Of all who try exactly one gets it. Rejects with `store.unavailable`. */
  take(): Promise<AdoptedCall | undefined>;
}

/** A call that this node took over from one that is gone. */
export interface AdoptedCall {
  readonly call: WaitingCall;
  readonly record: CallRecord;
}

/** Where calls are written down that wait for a client's answer, by session and stream, so that they outlive their node. */
export interface CallRecords {
  open(sessionId: string, streamId: string): CallRecord;
  /** Undefined for a call that waits for nothing, is another session's, or was tampered with. Rejects with `store.unavailable`. */
  find(sessionId: string, streamId: string): Promise<FoundCall | undefined>;
}

const QUESTION = /^[a-z0-9]{10}\.([\x21-\x7d]{1,128})~[\d.]{1,16}$/;

/** The id of a question before it is tagged with the node that asks it. */
export function questionOf(streamId: string, key: string): string {
  return `${streamId}~${key}`;
}

/** The stream of the call that a question belongs to; undefined for questions of no call that is written down. */
export function streamOfQuestion(id: string): string | undefined {
  return QUESTION.exec(id)?.[1];
}
