import { findMember, hasDuplicateKey, memberObject, memberValue, type RawObject } from '../../jsonrpc/raw.ts';
import { isObject } from '../capabilities.ts';
import { type Checked, makeFault, type ProtocolFault } from '../fault.ts';
import { normalizeDecimal } from './decimal.ts';
import { decodeHeaderValue, encodeHeaderValue } from './header-value.ts';
import type { HeaderLookup } from './headers.ts';

/** One `x-mcp-header` declaration of a tool: which argument is mirrored into which header. */
export interface ParamHeader {
  /** Member names from the arguments object down to the value. */
  readonly path: readonly string[];
  /** The whole header name in lower case, `mcp-param-region`. */
  readonly header: string;
  readonly type: 'string' | 'integer' | 'boolean';
}

const ANNOTATION = 'x-mcp-header';
const PREFIX = 'mcp-param-';
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Deeper schemas are refused: a walk must not end in a stack overflow because a server says so. */
const MAX_SCHEMA_DEPTH = 400;
/** Strict decimal; `0x1a`, `1e3` and the like never count as the number they mean to somebody. */
const DECIMAL = /^-?\d+(\.\d+)?$/;

/** Keywords whose subschemas are not reached by a chain of `properties`: an annotation below them makes the tool invalid. */
const UNREACHABLE = [
  'items',
  'prefixItems',
  'contains',
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'propertyNames',
  'patternProperties',
  'dependentSchemas',
  'oneOf',
  'anyOf',
  'allOf',
  'not',
  'if',
  'then',
  'else',
  '$defs',
  'definitions',
] as const;
const NAMED: ReadonlySet<string> = new Set(['patternProperties', 'dependentSchemas', '$defs', 'definitions']);

/**
 * Compiles the `x-mcp-header` annotations of a parsed `inputSchema` (2026-07-28 server/tools §x-mcp-header). A fault means that the
 * tool's definition is invalid and the tool must be left out of the list; its message is for the operator.
 */
export function compileParamHeaders(inputSchema: unknown): Checked<readonly ParamHeader[]> {
  const found: ParamHeader[] = [];
  const problem = visitSchema(inputSchema, [], true, found);
  return problem === undefined
    ? { ok: true, value: found }
    : { ok: false, fault: makeFault('params.invalid', problem) };
}

function visitSchema(
  node: unknown,
  path: readonly string[],
  reachable: boolean,
  found: ParamHeader[],
): string | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  if (path.length > MAX_SCHEMA_DEPTH) return `The inputSchema nests deeper than ${MAX_SCHEMA_DEPTH} levels.`;
  const schema = node as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(schema, ANNOTATION)) {
    const problem = readAnnotation(schema, path, reachable, found);
    if (problem !== undefined) return problem;
  }
  const properties = schema['properties'];
  if (typeof properties === 'object' && properties !== null) {
    for (const [key, child] of Object.entries(properties)) {
      const problem = visitSchema(child, [...path, key], reachable, found);
      if (problem !== undefined) return problem;
    }
  }
  for (const keyword of UNREACHABLE) {
    const sub = schema[keyword];
    if (sub === undefined) continue;
    const branches = Array.isArray(sub) ? sub : NAMED.has(keyword) && isObject(sub) ? Object.values(sub) : [sub];
    for (const branch of branches) {
      const problem = visitSchema(branch, [...path, `<${keyword}>`], false, found);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function readAnnotation(
  schema: Readonly<Record<string, unknown>>,
  path: readonly string[],
  reachable: boolean,
  found: ParamHeader[],
): string | undefined {
  const where = path.length === 0 ? '<root>' : path.join('.');
  const name = schema[ANNOTATION];
  const type = schema['type'];
  if (!reachable || path.length === 0) return `${where}: x-mcp-header is only permitted on a chain of "properties".`;
  if (typeof name !== 'string' || !TOKEN.test(name)) return `${where}: x-mcp-header must be an RFC 9110 token.`;
  if (type !== 'string' && type !== 'integer' && type !== 'boolean') {
    return `${where}: x-mcp-header is only permitted on the types string, integer and boolean.`;
  }
  const header = PREFIX + name.toLowerCase();
  if (found.some((other) => other.header === header)) return `${where}: x-mcp-header "${name}" is declared twice.`;
  found.push({ path, header, type });
  return undefined;
}

/** An argument as it stands in the body: its text form, and for numbers the token that says it exactly. */
interface Argument {
  /** Text form for the header; undefined for a number whose text is not certain (`1e400`). */
  readonly text: string | undefined;
  /** The number's own bytes. */
  readonly number: string | undefined;
  /** A number outside of the safe integers, which the specification does not allow here. */
  readonly unsafe: boolean;
}

/**
 * Checks the `Mcp-Param-*` headers of a tools/call against its arguments: -32020 where a declared argument is in the body and its
 * header is missing, repeated, undecodable or different. Absent and null arguments, and arguments of the wrong shape, expect no header.
 */
export function validateParamHeaders(
  declarations: readonly ParamHeader[],
  args: RawObject | undefined,
  headers: HeaderLookup,
): ProtocolFault | undefined {
  for (const { path, header, type } of declarations) {
    // Attack: {"region":"eu","region":"us"}; the header agrees with one parser's reading of the body.
    if (isRepeated(args, path)) return mismatch(header, '(any)', `the argument ${path.join('.')} occurs twice`);
    const values = headers(header);
    if (values.length > 1) return mismatch(header, '(repeated)', 'the header occurs more than once');
    const argument = argumentAt(args, path);
    if (argument === undefined) continue;
    const [raw] = values;
    if (raw === undefined) {
      // SDK clients leave the header of a number beyond 2^53 out, having lost its digits.
      if (argument.unsafe) continue;
      return mismatch(header, '(missing)', `the body carries ${path.join('.')} but the header is absent`);
    }
    const decoded = decodeHeaderValue(raw);
    if (!decoded.ok) return mismatch(header, raw, decoded.fault.message);
    if (!isEqual(argument, decoded.value, type)) {
      return mismatch(header, raw, `the header's value is not the body's value of ${path.join('.')}`);
    }
  }
  return undefined;
}

/** The `Mcp-Param-*` headers for a tools/call with these arguments; absent, null and non-primitive arguments have none. */
export function buildParamHeaders(
  declarations: readonly ParamHeader[],
  args: RawObject | undefined,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { path, header } of declarations) {
    const text = argumentAt(args, path)?.text;
    if (text !== undefined) headers[header] = encodeHeaderValue(text);
  }
  return headers;
}

function isEqual(argument: Argument, sent: string, type: ParamHeader['type']): boolean {
  if (type === 'integer' && argument.number !== undefined && DECIMAL.test(sent)) {
    return normalizeDecimal(sent) === normalizeDecimal(argument.number);
  }
  return sent === argument.text;
}

function holderOf(args: RawObject | undefined, path: readonly string[]): RawObject | undefined {
  let holder = args;
  for (const key of path.slice(0, -1)) holder = holder === undefined ? undefined : memberObject(holder, key);
  return holder;
}

function isRepeated(args: RawObject | undefined, path: readonly string[]): boolean {
  let holder = args;
  for (const key of path) {
    if (holder === undefined) return false;
    if (hasDuplicateKey(holder, new Set([key]))) return true;
    holder = memberObject(holder, key);
  }
  return false;
}

function argumentAt(args: RawObject | undefined, path: readonly string[]): Argument | undefined {
  const holder = holderOf(args, path);
  const key = path.at(-1);
  const member = holder === undefined || key === undefined ? undefined : findMember(holder, key);
  if (holder === undefined || key === undefined || member === undefined) return undefined;
  const value = memberValue(holder, key);
  if (typeof value === 'string' || typeof value === 'boolean') {
    return { text: String(value), number: undefined, unsafe: false };
  }
  if (typeof value !== 'number') return undefined;
  const token = holder.view.slice(member.start, member.end);
  const unsafe = !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));
  // A plain integer keeps its own digits: beyond 2^53 a JavaScript number has already lost them.
  const text = /^-?[0-9]+$/.test(token) && token !== '-0' ? token : unsafe ? undefined : String(value);
  return { text, number: token, unsafe };
}

function mismatch(header: string, value: string, body: string): ProtocolFault {
  const name = header.replace(PREFIX, 'Mcp-Param-');
  return makeFault('envelope.mismatch', `The ${name} header and the body disagree: ${body}`, {
    mismatch: { header: value, body },
  });
}
