import { isObject, type JsonObject } from '../../protocol/capabilities.ts';

/** A schema as OpenAPI 3.1 takes it: an object or a boolean. */
export type Schema = JsonObject | boolean;

/** Bounds of one schema: deeper or larger ones are cut to "anything", which is true if not helpful. */
const MOST_DEPTH = 48;
const MOST_NODES = 5_000;
const MOST_TEXT = 4_000;
const MOST_DATA = 8_000;
const MOST_LINKS = 32;

const TYPES = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);
const ONE = new Set([
  'items',
  'additionalProperties',
  'propertyNames',
  'contains',
  'not',
  'if',
  'then',
  'else',
  'unevaluatedItems',
  'unevaluatedProperties',
  'contentSchema',
]);
const MANY = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const NAMED = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
const NUMBERS = new Set(['multipleOf', 'maximum', 'exclusiveMaximum', 'minimum', 'exclusiveMinimum']);
const COUNTS = new Set([
  'maxLength',
  'minLength',
  'maxItems',
  'minItems',
  'maxContains',
  'minContains',
  'maxProperties',
  'minProperties',
]);
const TEXTS = new Set(['title', 'description', 'format', 'contentEncoding', 'contentMediaType', '$comment']);
const FLAGS = new Set(['uniqueItems', 'deprecated', 'readOnly', 'writeOnly']);

/**
 * A server's schema at a new place in a larger document: every keyword is one of JSON Schema 2020-12 with a value of the right kind, every reference points to something
 * inside the schema itself, and its size is bounded. What cannot be said like that is left out, so that the schema takes more and never less than the
 * server does.
 * @param place a `#/…` pointer to where the schema will stand.
 */
export function embedSchema(schema: unknown, place: string): Schema {
  return new Embedding(schema, place).run();
}

class Embedding {
  readonly #root: unknown;
  readonly #place: string;
  /** Every visited place of a subschema that was kept, so that no reference points to one that was cut. */
  #nodes = 0;
  readonly #kept = new Set<unknown>();

  constructor(root: unknown, place: string) {
    this.#root = root;
    this.#place = place;
  }

  run(): Schema {
    // First to see what is kept: a reference may point ahead.
    const first = this.#schema(this.#root, 0, true);
    if (this.#nodes > MOST_NODES) return { type: 'object', description: 'This schema is too large to be shown here.' };
    this.#nodes = 0;
    return typeof first === 'boolean' ? first : this.#schema(this.#root, 0, false);
  }

  #schema(value: unknown, depth: number, isSurvey: boolean): Schema {
    if (typeof value === 'boolean') return value;
    if (!isObject(value) || depth > MOST_DEPTH || ++this.#nodes > MOST_NODES) return {};
    if (isSurvey) this.#kept.add(value);
    // No prototype: a property called __proto__ is a property.
    const out: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [key, member] of Object.entries(value)) {
      const kept = this.#keyword(key, member, depth, isSurvey);
      if (kept !== undefined) out[key] = kept;
    }
    this.#readOldTuple(value, out, depth, isSurvey);
    // What a lost pattern allowed must not be forbidden with the rest.
    const { patternProperties } = value;
    if (isObject(patternProperties) && !Object.keys(patternProperties).every(isPattern)) {
      delete out['additionalProperties'];
      delete out['unevaluatedProperties'];
    }
    return out;
  }

  #keyword(key: string, value: unknown, depth: number, isSurvey: boolean): unknown {
    if (key === '$ref') return this.#reference(value, isSurvey);
    if (key === 'type') return typeOf(value);
    if (ONE.has(key))
      return isObject(value) || typeof value === 'boolean' ? this.#schema(value, depth + 1, isSurvey) : undefined;
    if (MANY.has(key)) {
      if (!Array.isArray(value) || value.length === 0) return undefined;
      return value.map((element) => this.#schema(element, depth + 1, isSurvey));
    }
    if (NAMED.has(key)) return this.#named(value, depth, isSurvey, key === 'patternProperties' ? isPattern : isAnyName);
    return scalarKeyword(key, value);
  }

  #named(value: unknown, depth: number, isSurvey: boolean, isKept: (name: string) => boolean): object | undefined {
    if (!isObject(value)) return undefined;
    const out: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [name, member] of Object.entries(value)) {
      if (this.#nodes > MOST_NODES) break;
      if (!isKept(name)) continue;
      out[name] = this.#schema(member, depth + 1, isSurvey);
    }
    return out;
  }

  // Before 2020-12 a list of schemas in `items` was what `prefixItems` is now.
  #readOldTuple(value: JsonObject, out: Record<string, unknown>, depth: number, isSurvey: boolean): void {
    const { items, additionalItems } = value;
    if (!Array.isArray(items) || items.length === 0 || out['prefixItems'] !== undefined) return;
    out['prefixItems'] = items.map((element) => this.#schema(element, depth + 1, isSurvey));
    if (isObject(additionalItems) || typeof additionalItems === 'boolean')
      out['items'] = this.#schema(additionalItems, depth + 1, isSurvey);
  }

  // Attack: a reference to an address would make every reader of the document fetch it; one to itself would hang it.
  #reference(value: unknown, isSurvey: boolean): string | undefined {
    if (isSurvey || typeof value !== 'string') return undefined;
    let reference = value;
    for (let link = 0; link < MOST_LINKS; link++) {
      const target = this.#lookUp(reference);
      if (target === undefined) return undefined;
      const next: unknown = isObject(target) ? target['$ref'] : undefined;
      if (typeof next !== 'string') return value === '#' ? this.#place : `${this.#place}${value.slice(1)}`;
      reference = next;
    }
    return undefined;
  }

  #lookUp(reference: string): unknown {
    if (reference !== '#' && !reference.startsWith('#/')) return undefined;
    let at: unknown = this.#root;
    for (const token of reference.split('/').slice(1)) {
      const key = unescapeToken(token);
      // These two have another name in the copy.
      if (key === 'additionalItems' || (key === 'items' && isTuple(at))) return undefined;
      if (key === undefined || typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
      at = (at as Readonly<Record<string, unknown>>)[key];
    }
    return typeof at === 'boolean' || this.#kept.has(at) ? at : undefined;
  }
}

function isTuple(schema: unknown): boolean {
  return isObject(schema) && Array.isArray(schema['items']);
}

function typeOf(value: unknown): unknown {
  if (typeof value === 'string') return TYPES.has(value) ? value : undefined;
  if (!Array.isArray(value)) return undefined;
  const types = [...new Set(value)].filter((type) => typeof type === 'string' && TYPES.has(type));
  return types.length === 0 || types.length !== new Set(value).size ? undefined : types;
}

function scalarKeyword(key: string, value: unknown): unknown {
  if (TEXTS.has(key)) return typeof value === 'string' ? value.slice(0, MOST_TEXT) : undefined;
  if (FLAGS.has(key)) return typeof value === 'boolean' ? value : undefined;
  if (COUNTS.has(key)) return Number.isSafeInteger(value) && Number(value) >= 0 ? value : undefined;
  if (NUMBERS.has(key)) return typeof value === 'number' && (key !== 'multipleOf' || value > 0) ? value : undefined;
  switch (key) {
    case 'pattern':
      return isPattern(value) ? value : undefined;
    case 'required':
      return isTexts(value) ? [...new Set(value)] : undefined;
    case 'enum':
      return Array.isArray(value) && value.length > 0 && isSmall(value) ? value : undefined;
    case 'examples':
      return Array.isArray(value) && isSmall(value) ? value : undefined;
    case 'const':
    case 'default':
      return isSmall(value) ? value : undefined;
    case 'dependentRequired':
      return isObject(value) && Object.values(value).every(isTexts) ? value : undefined;
    default:
      return undefined;
  }
}

// As JSON Schema has it (ECMA-262, with the `u` flag): a generator that compiles another one breaks, and with it every other tool's client.
function isPattern(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > MOST_TEXT) return false;
  try {
    new RegExp(value, 'u');
    return true;
  } catch {
    return false;
  }
}

function isAnyName(): boolean {
  return true;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((element) => typeof element === 'string');
}

function isSmall(value: unknown): boolean {
  return JSON.stringify(value).length <= MOST_DATA;
}

function unescapeToken(token: string): string | undefined {
  try {
    return decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return undefined; // a broken escape points nowhere
  }
}
