import { ERRORS, type ErrorCode, GatewayError, isGatewayError } from '../core/errors.ts';
import type {
  CallNotification,
  ClientFacts,
  Handle,
  HandleNeed,
  Outcome,
  Principal,
  ServerChange,
  ServerQuestion,
  UpstreamCall,
} from '../core/ports.ts';
import { type RawObject, scanObject } from '../jsonrpc/raw.ts';
import {
  type CapabilityProfile,
  isObject,
  type JsonObject,
  NO_QUESTIONS,
  type ServerFacts,
} from '../protocol/capabilities.ts';
import { isRevision, type Revision } from '../protocol/revision.ts';
import { type Frame, type FrameToWrite, FrameType } from './frames.ts';

/** What is asked of the owner first. */
export interface OpenRequest {
  readonly upstream: string;
  readonly key: string;
  readonly need: HandleNeed;
}

/** What a handle is, as its owner says. */
export interface HandleFacts {
  readonly revision: Revision;
  readonly server: ServerFacts;
  readonly hasSession: boolean;
}

/** A frame that means nothing: the two nodes do not speak the same language. */
class MeaninglessFrame extends Error {}

/** Writes what is asked of the owner. Deadlines cross as what is left of them: clocks differ. */
export function writeOpen({ upstream, key, need }: OpenRequest, now: number): FrameToWrite {
  const { principal, sessionId, profile, deadline, anyProfile } = need;
  const head = { upstream, key, principal, sessionId, profile, leftMs: deadline - now, anyProfile };
  return { type: FrameType.open, head, parts: [need.clientInfo] };
}

export function readOpen({ head, parts }: Frame, now: number): OpenRequest {
  const { upstream, key, sessionId, leftMs } = head;
  if (typeof leftMs !== 'number') throw new MeaninglessFrame();
  return {
    upstream: text(upstream),
    key: text(key),
    need: {
      principal: readPrincipal(head['principal']),
      sessionId: optionalText(sessionId),
      profile: readProfile(head['profile']),
      clientInfo: parts[0],
      deadline: now + leftMs,
      ...(head['anyProfile'] === true && { anyProfile: true }),
      isForwarded: true,
    },
  };
}

export function writeFacts(type: number, facts: HandleFacts): FrameToWrite {
  const { info, capabilities, instructions } = facts.server;
  return {
    type,
    head: { revision: facts.revision, capabilities, instructions, hasSession: facts.hasSession },
    parts: [info],
  };
}

export function readFacts({ head, parts }: Frame): HandleFacts {
  const { capabilities, instructions, hasSession } = head;
  const [info] = parts;
  if (!isObject(capabilities) || info === undefined) throw new MeaninglessFrame();
  return {
    revision: readRevision(head['revision']),
    // Kept for as long as the handle: it must not keep the chunk alive that it arrived in.
    server: { info: Buffer.from(info), capabilities, instructions: optionalText(instructions) },
    hasSession: hasSession === true,
  };
}

export function factsOf(handle: Handle & { readonly hasSession?: boolean }): HandleFacts {
  return { revision: handle.revision, server: handle.server, hasSession: handle.hasSession ?? true };
}

export function writeCall(call: number, { client, params, ...asked }: UpstreamCall): FrameToWrite {
  const { method, progress, logLevel, idempotent, task } = asked;
  const { revision, capabilities, profile } = client;
  const head = { method, progress, logLevel, idempotent, task, revision, capabilities, profile };
  return { type: FrameType.call, call, head, parts: [rawBytes(params), client.info] };
}

export function readCall({ head, parts }: Frame): UpstreamCall {
  const { method, progress, logLevel, idempotent, task, capabilities } = head;
  const [params, info] = parts;
  if (!isObject(capabilities)) throw new MeaninglessFrame();
  const ttlMs = isObject(task) ? task['ttlMs'] : undefined;
  const client: ClientFacts = {
    revision: readRevision(head['revision']),
    info,
    capabilities,
    profile: readProfile(head['profile']),
  };
  return {
    method: text(method),
    params: readRaw(params),
    client,
    progress: progress === true,
    logLevel: optionalText(logLevel),
    ...(idempotent === true && { idempotent }),
    ...(typeof ttlMs === 'number' && { task: { ttlMs } }),
  };
}

/** @param token the progress token that the server was given */
export function writeOutcome(call: number, outcome: Outcome, token: string | undefined): FrameToWrite {
  const { kind } = outcome;
  if (kind === 'failed') return { type: FrameType.done, call, head: { kind, ...errorHead(outcome.error) } };
  const { revision } = outcome;
  const parts = kind === 'result' ? [outcome.result, outcome.serverInfo] : [outcome.error];
  return { type: FrameType.done, call, head: { kind, revision, token }, parts };
}

export function readOutcome({ head, parts }: Frame): Outcome {
  const { kind } = head;
  if (kind === 'failed') return { kind, error: readError(head) };
  const [bytes, serverInfo] = parts;
  const revision = readRevision(head['revision']);
  if (bytes === undefined) throw new MeaninglessFrame();
  if (kind === 'error') return { kind, revision, error: bytes };
  if (kind !== 'result') throw new MeaninglessFrame();
  return { kind, revision, result: bytes, ...(serverInfo !== undefined && { serverInfo }) };
}

export function writeNotification(call: number, { method, params, revision }: CallNotification): FrameToWrite {
  return { type: FrameType.notify, call, head: { method, revision }, parts: [rawBytes(params)] };
}

/** Reads a notification or the question part of an `ask`. */
export function readMessage({ head, parts }: Frame): CallNotification {
  return { method: text(head['method']), params: readRaw(parts[0]), revision: readRevision(head['revision']) };
}

export function writeQuestion(call: number, id: number, { method, params, revision }: ServerQuestion): FrameToWrite {
  return { type: FrameType.ask, call, head: { question: id, method, revision }, parts: [rawBytes(params)] };
}

export function writeAnswer(question: number, answer: Parameters<ServerQuestion['answer']>[0]): FrameToWrite {
  if ('result' in answer) return { type: FrameType.answer, head: { question }, parts: [answer.result] };
  return { type: FrameType.answer, head: { question, error: answer.error } };
}

export function readAnswer({ head, parts }: Frame): Parameters<ServerQuestion['answer']>[0] {
  const [result] = parts;
  if (result !== undefined) return { result };
  const { error } = head;
  if (!isObject(error) || typeof error['code'] !== 'number' || typeof error['message'] !== 'string')
    throw new MeaninglessFrame();
  const { code, message, data } = error;
  return { error: { code, message, ...(data !== undefined && { data }) } };
}

/** The number of a question, which stands in `ask`, `withdrawn` and `answer`. */
export function questionOf({ head }: Frame): number {
  const { question } = head;
  if (typeof question !== 'number') throw new MeaninglessFrame();
  return question;
}

export function writeChange({ kind, uri, taskId, params }: ServerChange): FrameToWrite {
  return { type: FrameType.change, head: { kind, uri, taskId }, parts: [rawBytes(params)] };
}

export function readChange({ head, parts }: Frame): ServerChange {
  const { kind, uri, taskId } = head;
  if (kind !== 'tools' && kind !== 'prompts' && kind !== 'resources' && kind !== 'updated' && kind !== 'task')
    throw new MeaninglessFrame();
  return {
    kind,
    ...(typeof uri === 'string' && { uri }),
    ...(typeof taskId === 'string' && { taskId }),
    params: readRaw(parts[0]),
  };
}

/** An error as it crosses: its cause as text, for the log of the node that answers the client. */
export function errorHead(error: unknown): JsonObject {
  const { code, message, data, cause } = isGatewayError(error)
    ? error
    : new GatewayError('gateway.internal', { cause: error });
  return { code, message, data, cause: cause === undefined ? undefined : String(cause) };
}

export function readError(head: JsonObject): GatewayError {
  const { code, message, data, cause } = head;
  const known = typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'gateway.internal';
  return new GatewayError(known, {
    ...(typeof message === 'string' && { message }),
    ...(isObject(data) && { data }),
    ...(cause !== undefined && { cause }),
  });
}

export function writeProgress(token: string, params: RawObject): FrameToWrite {
  return { type: FrameType.progress, head: { token }, parts: [rawBytes(params)] };
}

export function readProgress({ head, parts }: Frame): { readonly token: string; readonly params: RawObject } {
  const params = readRaw(parts[0]);
  if (params === undefined) throw new MeaninglessFrame();
  return { token: text(head['token']), params };
}

/** A member that has to be text. */
export function text(value: unknown): string {
  if (typeof value !== 'string') throw new MeaninglessFrame();
  return value;
}

export function optionalText(value: unknown): string | undefined {
  return value === undefined ? undefined : text(value);
}

function readRevision(value: unknown): Revision {
  if (!isRevision(value)) throw new MeaninglessFrame();
  return value;
}

function readPrincipal(value: unknown): Principal {
  if (!isObject(value) || typeof value['personal'] !== 'boolean') throw new MeaninglessFrame();
  return { key: text(value['key']), personal: value['personal'] };
}

function readProfile(value: unknown): CapabilityProfile {
  if (!isObject(value)) throw new MeaninglessFrame();
  const has = (name: keyof CapabilityProfile): boolean => value[name] === true;
  return Object.fromEntries(PROFILE_NAMES.map((name) => [name, has(name)])) as unknown as CapabilityProfile;
}

const PROFILE_NAMES = Object.keys(NO_QUESTIONS) as (keyof CapabilityProfile)[];

function rawBytes(raw: RawObject | undefined): Buffer | undefined {
  return raw?.bytes.subarray(raw.start, raw.end);
}

function readRaw(bytes: Buffer | undefined): RawObject | undefined {
  if (bytes === undefined) return undefined;
  const raw = scanObject(bytes);
  if (raw === undefined) throw new MeaninglessFrame();
  return raw;
}
