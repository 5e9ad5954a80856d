import type { Schema } from './openapi-schema.ts';

/** An operation object. */
export interface Operation {
  readonly operationId: string;
  readonly responses: object;
  readonly [key: string]: unknown;
}

const OPEN = { type: 'object', additionalProperties: true } as const;

/** An object of which nothing is said. Generators take one without this for an empty one. */
export const ANY_OBJECT: Schema = OPEN;

/** A problem document. */
export const problemSchema: Schema = {
  type: 'object',
  required: ['type', 'title', 'status', 'code'],
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', description: 'Stable within a major version.' },
    retryable: { type: 'boolean', description: 'The same request may succeed later.' },
    how: { type: 'string', description: 'What to send instead.' },
  },
};

/** One block of a tool's content. */
export const contentBlock: Schema = {
  type: 'object',
  required: ['type'],
  properties: {
    type: { type: 'string', description: '`text`, `image`, `audio`, `resource_link` or `resource`.' },
    text: { type: 'string' },
    data: { type: 'string', contentEncoding: 'base64' },
    mimeType: { type: 'string' },
    uri: { type: 'string' },
    resource: ANY_OBJECT,
  },
};

/** An answer that asks. */
export const inputRequiredSchema: Schema = {
  type: 'object',
  required: ['inputRequired', 'how'],
  properties: {
    inputRequired: { type: 'object', additionalProperties: ANY_OBJECT, description: 'The questions by key.' },
    requestState: { type: 'string', description: 'Send it back as it is.' },
    how: {
      type: 'object',
      description: 'The request that answers.',
      required: ['text', 'method', 'url', 'body'],
      properties: {
        text: { type: 'string' },
        method: { type: 'string' },
        url: { type: 'string' },
        headers: { type: 'object', additionalProperties: { type: 'string' } },
        body: ANY_OBJECT,
      },
    },
  },
};

/** The state of a call that is fetched later. */
export const heldCallSchema: Schema = {
  type: 'object',
  required: ['id', 'status', 'url'],
  properties: {
    id: { type: 'string' },
    status: { type: 'string', enum: ['running', 'needs-input', 'done'] },
    url: { type: 'string' },
    startedAt: { type: 'string', format: 'date-time' },
    expiresAt: { type: 'string', format: 'date-time', description: 'When the outcome is forgotten.' },
    progress: ANY_OBJECT,
    result: { ...OPEN, description: 'What the call itself would have answered.' },
    error: { $ref: '#/components/schemas/Problem' },
  },
};

/** A tool's result; `output` points to the schema of its structured content. */
export function toolResult(output: string | undefined): Schema {
  return {
    type: 'object',
    required: ['content', 'isError'],
    properties: {
      content: { type: 'array', items: { $ref: '#/components/schemas/ContentBlock' } },
      structuredContent: output === undefined ? true : { $ref: output },
      isError: { type: 'boolean', description: 'The tool ran and says that it failed.' },
    },
  };
}
