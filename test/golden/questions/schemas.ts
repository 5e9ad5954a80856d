import * as modern from '@modelcontextprotocol/core';
import * as legacy from '@modelcontextprotocol/sdk/types.js';
import type { Revision } from '../../../packages/breakwater/src/protocol/revision.ts';

interface Schema {
  parse(value: unknown): unknown;
}

interface Embedded {
  readonly method: string;
  readonly params?: { readonly mode?: string };
}

const LEGACY_QUESTIONS: Readonly<Record<string, Schema>> = {
  'elicitation/create': legacy.ElicitRequestSchema,
  'sampling/createMessage': legacy.CreateMessageRequestSchema,
  'roots/list': legacy.ListRootsRequestSchema,
};

const ANSWERS: Readonly<Record<string, Schema>> = {
  'elicitation/create': modern.ElicitResultSchema,
  'sampling/createMessage': modern.CreateMessageResultWithToolsSchema,
  'roots/list': modern.ListRootsResultSchema,
};

/** Throws unless an SDK of the client's era takes the question. */
export function checkQuestion(to: Revision, method: string, params: Buffer | undefined): void {
  const question: Embedded = params === undefined ? { method } : { method, params: parse(params) as object };
  if (to === '2026-07-28') checkModern(question);
  else LEGACY_QUESTIONS[method]?.parse(question);
}

/** Throws unless an SDK of the server's era takes the answer. */
export function checkAnswer(to: Revision, method: string, result: Buffer): void {
  if (to < '2025-11-25' && method === 'sampling/createMessage') legacy.CreateMessageResultSchema.parse(parse(result));
  else ANSWERS[method]?.parse(parse(result));
}

/** Throws unless an SDK of 2026-07-28 takes these `inputRequests`. */
export function checkInputRequests(bytes: Buffer): void {
  for (const question of Object.values(parse(bytes) as Readonly<Record<string, Embedded>>)) checkModern(question);
}

// The embedded requests of 2026-07-28 are not exported; url elicitations lost their id there, the rest is the shared schema.
function checkModern(question: Embedded): void {
  const { method, params } = question;
  if (method === 'elicitation/create' && params?.mode === 'url') {
    if ('elicitationId' in params) throw new TypeError('elicitationId does not exist in 2026-07-28');
    modern.ElicitRequestURLParamsSchema.parse({ ...params, elicitationId: 'unused' });
  } else if (method === 'elicitation/create') modern.ElicitRequestFormParamsSchema.parse(params);
  else if (method === 'sampling/createMessage') modern.CreateMessageRequestSchema.parse(question);
  else modern.ListRootsRequestSchema.parse(question);
}

function parse(bytes: Buffer): unknown {
  return JSON.parse(bytes.toString()) as unknown;
}
