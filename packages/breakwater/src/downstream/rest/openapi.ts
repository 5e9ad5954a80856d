import type { Offer, OfferedPrompt, OfferedTool } from './offer.ts';
import {
  ANY_OBJECT,
  contentBlock,
  heldCallSchema,
  inputRequiredSchema,
  type Operation,
  problemSchema,
  toolResult,
} from './openapi-parts.ts';
import { embedSchema, type Schema } from './openapi-schema.ts';

/** What an OpenAPI document is made from. */
export interface OpenApiInput {
  readonly title: string;
  readonly version: string;
  readonly description: string | undefined;
  /** Absolute URL that the paths stand below. */
  readonly server: string;
  /** Where the door stands, such as `/api`. */
  readonly base: string;
  readonly offer: Offer;
}

/** Schemas of a document together take no more than this; later tools get "any object". */
const MOST_SCHEMA_BYTES = 4 * 1_048_576;
const MOST_TEXT = 4_000;

/** Writes the OpenAPI 3.1 document of a route. Pure; whatever servers wrote into their schemas, the document is valid. */
export function writeOpenApi(input: OpenApiInput): object {
  const { title, version, description, server, base, offer } = input;
  const schemas = new Schemas();
  const operations = new OperationIds();
  const paths: Record<string, object> = Object.create(null) as Record<string, object>;
  Object.assign(paths, fixedPaths(base, operations));
  for (const tool of offer.tools) {
    const path = `${base}/tools/${encodePath(tool.name)}`;
    paths[path] = toolPath(tool, schemas, operations);
    paths[`${path}/answers`] = answersPath(tool.name, 'answer_tool', schemas, tool, operations);
  }
  for (const prompt of offer.prompts) {
    const path = `${base}/prompts/${encodePath(prompt.name)}`;
    paths[path] = promptPath(prompt, operations);
    paths[`${path}/answers`] = answersPath(prompt.name, 'answer_prompt', schemas, undefined, operations);
  }
  return {
    openapi: '3.1.0',
    info: { title, version, ...(description === undefined ? {} : { description: clip(description) }) },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    servers: [{ url: server }],
    tags: ['tools', 'resources', 'prompts', 'calls'].map((name) => ({ name })),
    paths,
    components: {
      schemas: {
        ...schemas.all,
        Problem: problemSchema,
        ContentBlock: contentBlock,
        InputRequired: inputRequiredSchema,
        HeldCall: heldCallSchema,
      },
    },
  };
}

/** Schemas of tools under names that are unique and that OpenAPI allows. */
class Schemas {
  readonly all: Record<string, Schema> = Object.create(null) as Record<string, Schema>;
  #bytes = 0;
  // Names that are spoken for by this document itself.
  readonly #names = new Names(['Problem', 'ContentBlock', 'InputRequired', 'HeldCall']);
  readonly #known = new Map<OfferedTool, { input: string; output: string | undefined }>();

  of(tool: OfferedTool): { readonly input: string; readonly output: string | undefined } {
    const known = this.#known.get(tool);
    if (known !== undefined) return known;
    const input = this.#add(`${tool.name}_input`, tool.inputSchema);
    const output = tool.outputSchema === undefined ? undefined : this.#add(`${tool.name}_output`, tool.outputSchema);
    const names = { input, output };
    this.#known.set(tool, names);
    return names;
  }

  #add(wanted: string, schema: unknown): string {
    const name = this.#names.take(wanted);
    const place = `#/components/schemas/${name}`;
    const embedded = embedSchema(schema, place);
    this.#bytes += JSON.stringify(embedded).length;
    this.all[name] = this.#bytes > MOST_SCHEMA_BYTES ? ANY_OBJECT : embedded;
    return place;
  }
}

class Names {
  readonly #taken: Set<string>;

  constructor(taken: readonly string[] = []) {
    this.#taken = new Set(taken);
  }

  take(wanted: string): string {
    const plain = wanted.replace(/[^A-Za-z0-9_]+/g, '_').slice(0, 96) || '_';
    let name = plain;
    for (let count = 2; this.#taken.has(name); count++) name = `${plain}_${count}`;
    this.#taken.add(name);
    return name;
  }
}

class OperationIds extends Names {}

function toolPath(tool: OfferedTool, schemas: Schemas, operations: Names): object {
  const { input, output } = schemas.of(tool);
  const about = {
    tags: ['tools'],
    ...(tool.title === undefined ? {} : { summary: clip(tool.title) }),
    ...(tool.description === undefined ? {} : { description: clip(tool.description) }),
  };
  const call: Operation = {
    ...about,
    operationId: operations.take(`call_${tool.name}`),
    parameters: [PREFER],
    requestBody: { required: true, content: json({ $ref: input }) },
    responses: callResponses(toolResult(output)),
  };
  return {
    get: {
      tags: ['tools'],
      summary: 'The tool, its schemas, and a request that works',
      operationId: operations.take(`describe_${tool.name}`),
      responses: { 200: ok('The tool', ITEM), default: PROBLEM },
    },
    post: call,
  };
}

function answersPath(
  name: string,
  verb: string,
  schemas: Schemas,
  tool: OfferedTool | undefined,
  operations: Names,
): object {
  const given: Schema = tool === undefined ? TEXT_MAP : { $ref: schemas.of(tool).input };
  return {
    post: {
      tags: [tool === undefined ? 'prompts' : 'tools'],
      summary: 'Answers what was asked with inputRequired',
      operationId: operations.take(`${verb}_${name}`),
      parameters: [PREFER],
      requestBody: { required: true, content: json(answersSchema({ arguments: given })) },
      responses: callResponses(tool === undefined ? PROMPT_RESULT : toolResult(schemas.of(tool).output)),
    },
  };
}

function promptPath(prompt: OfferedPrompt, operations: Names): object {
  const properties: Record<string, Schema> = Object.create(null) as Record<string, Schema>;
  for (const { name, description } of prompt.arguments) {
    properties[name] = { type: 'string', ...(description === undefined ? {} : { description: clip(description) }) };
  }
  const required = [...new Set(prompt.arguments.filter((argument) => argument.required).map(({ name }) => name))];
  const schema = { type: 'object', properties, ...(required.length === 0 ? {} : { required }) };
  return {
    get: {
      tags: ['prompts'],
      summary: 'The prompt and its arguments',
      operationId: operations.take(`describe_prompt_${prompt.name}`),
      responses: { 200: ok('The prompt', ITEM), default: PROBLEM },
    },
    post: {
      tags: ['prompts'],
      ...(prompt.title === undefined ? {} : { summary: clip(prompt.title) }),
      ...(prompt.description === undefined ? {} : { description: clip(prompt.description) }),
      operationId: operations.take(`render_prompt_${prompt.name}`),
      parameters: [PREFER],
      requestBody: { required: true, content: json(schema) },
      responses: callResponses(PROMPT_RESULT),
    },
  };
}

function fixedPaths(base: string, operations: Names): Readonly<Record<string, object>> {
  const list = (tag: string, name: string, member: string): object => ({
    get: {
      tags: [tag],
      summary: `Lists ${name.replaceAll('_', ' ')}`,
      operationId: operations.take(`list_${name}`),
      parameters: [CURSOR],
      responses: { 200: ok('One page', listSchema(member)), default: PROBLEM },
    },
  });
  const resources = list('resources', 'resources', 'resources') as { get: Operation };
  const read = {
    summary: 'Lists the resources, or reads the one that uri names',
    parameters: [CURSOR, URI_QUERY, RAW],
    responses: { 200: READ_OR_LIST, default: PROBLEM },
  };
  return {
    [base]: {
      get: {
        summary: 'Where everything is',
        operationId: operations.take('index'),
        responses: { 200: ok('The index', ITEM), default: PROBLEM },
      },
    },
    [`${base}/tools`]: list('tools', 'tools', 'tools'),
    [`${base}/resources`]: { get: { ...resources.get, ...read } },
    [`${base}/resources/answers`]: {
      post: {
        tags: ['resources'],
        summary: 'Answers what was asked with inputRequired',
        operationId: operations.take('answer_resource'),
        parameters: [PREFER],
        requestBody: { required: true, content: json(answersSchema({ uri: { type: 'string' } })) },
        responses: callResponses(READ_RESULT),
      },
    },
    [`${base}/resource-templates`]: list('resources', 'resource_templates', 'resourceTemplates'),
    [`${base}/prompts`]: list('prompts', 'prompts', 'prompts'),
    [`${base}/calls/{id}`]: {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      get: {
        tags: ['calls'],
        summary: 'The state of a call that was made with Prefer: respond-async',
        operationId: operations.take('get_call'),
        responses: { 200: ok('Its state', { $ref: '#/components/schemas/HeldCall' }), default: PROBLEM },
      },
      delete: {
        tags: ['calls'],
        summary: 'Cancels a call, or forgets its outcome',
        operationId: operations.take('delete_call'),
        responses: { 204: { description: 'Gone' }, default: PROBLEM },
      },
    },
  };
}

const ITEM = ANY_OBJECT;
const TEXT_MAP: Schema = { type: 'object', additionalProperties: { type: 'string' } };
const PROMPT_RESULT: Schema = {
  type: 'object',
  required: ['messages'],
  properties: { description: { type: 'string' }, messages: { type: 'array', items: ANY_OBJECT } },
};
const READ_RESULT: Schema = {
  type: 'object',
  required: ['contents'],
  properties: { contents: { type: 'array', items: ANY_OBJECT } },
};
const PREFER = {
  name: 'Prefer',
  in: 'header',
  description:
    '`respond-async` answers 202 with a Location to ask later; `respond-async, wait=10` waits for ten seconds first.',
  schema: { type: 'string' },
};
const CURSOR = { name: 'cursor', in: 'query', description: 'Where the page before ended.', schema: { type: 'string' } };
const URI_QUERY = { name: 'uri', in: 'query', description: 'Reads this resource.', schema: { type: 'string' } };
const RAW = {
  name: 'raw',
  in: 'query',
  description: 'The bytes of the resource instead of JSON.',
  schema: { type: 'string' },
  allowEmptyValue: true,
};
const PROBLEM = {
  description: 'What is wrong (RFC 9457)',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};
const READ_OR_LIST = ok('One page, or the resource', { anyOf: [listSchema('resources'), READ_RESULT] });

function answersSchema(first: Readonly<Record<string, Schema>>): Schema {
  return {
    type: 'object',
    required: Object.keys(first),
    properties: {
      ...first,
      requestState: { type: 'string' },
      inputResponses: { type: 'object', additionalProperties: ANY_OBJECT },
    },
  };
}

function listSchema(member: string): Schema {
  return {
    type: 'object',
    required: [member],
    properties: {
      [member]: { type: 'array', items: ANY_OBJECT },
      next: { type: 'string', description: 'URL of the next page.' },
      nextCursor: { type: 'string' },
      unavailable: { type: 'array', items: { type: 'string' }, description: 'Servers whose part is missing.' },
    },
  };
}

function callResponses(result: Schema): object {
  const either = { oneOf: [result, { $ref: '#/components/schemas/InputRequired' }] };
  return {
    200: {
      description:
        'The result, or what the server asks first. With Accept: text/event-stream, events: progress, log, then result, input-required or error.',
      content: json(either),
    },
    202: {
      description: 'The call goes on; ask for it at Location',
      headers: { Location: { schema: { type: 'string' } } },
      content: json({ $ref: '#/components/schemas/HeldCall' }),
    },
    default: PROBLEM,
  };
}

function ok(description: string, schema: Schema): object {
  return { description, content: json(schema) };
}

function json(schema: Schema): { readonly 'application/json': { readonly schema: Schema } } {
  return { 'application/json': { schema } };
}

// Braces in a path are a template's.
function encodePath(name: string): string {
  return encodeURIComponent(name);
}

function clip(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT)}…`;
}
