import { z } from 'zod';
import type { ConfigIssue } from './issue.ts';
import { closest, suggest } from './suggest.ts';

type ZodIssue = z.core.$ZodIssue;

/** Validates a plain value; every fault becomes an issue in our words, without a place. */
export function validate<S extends z.ZodType>(
  schema: S,
  value: unknown,
): { readonly ok: true; readonly value: z.output<S> } | { readonly ok: false; readonly issues: ConfigIssue[] } {
  // Read once: a function written for it would cost more than it saves.
  const result = schema.safeParse(value, { error: describeIssue, jitless: true });
  if (result.success) return { ok: true, value: result.data };
  const known = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const issues = result.error.issues.flatMap(spreadUnion).flatMap((issue) => toConfigIssues(issue, known));
  return { ok: false, issues: dropEchoes(issues) };
}

/** Our words for what zod found. Names types and allowed values, never the value itself: it may be a secret. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    const expected = typeWord(issue.expected);
    return issue.input === undefined ? `required: ${expected}` : `expected ${expected}, found ${found(issue.input)}`;
  }
  if (issue.code === 'invalid_value') {
    const allowed = issue.values.map((value) => JSON.stringify(value));
    const hint = typeof issue.input === 'string' ? suggest(issue.input, issue.values.map(String)) : '';
    return `expected ${listWords(allowed)}${hint}`;
  }
  if (issue.code === 'too_small') {
    return issue.origin === 'string' ? 'expected a text that is not empty' : `expected at least ${issue.minimum}`;
  }
  if (issue.code === 'too_big') return `expected at most ${issue.maximum}`;
  return undefined;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'a mapping',
  record: 'a mapping',
  string: 'a text',
};

function typeWord(type: string): string {
  return TYPE_WORDS[type] ?? type;
}

function found(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number' && !Number.isInteger(value)) return 'a fraction';
  return typeWord(typeof value);
}

function listWords(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** Replaces "fits none of these forms" by the faults of the form that was most likely meant. */
function spreadUnion(issue: ZodIssue): ZodIssue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const branches = issue.errors.map((errors) => errors.flatMap(spreadUnion));
  const scores = branches.map((branch) => branch.reduce((sum, each) => sum + weigh(each), 0));
  const least = Math.min(...scores);
  const nearest = branches.filter((_, index) => scores[index] === least);
  const chosen = nearest.find(hasTypo) ?? (nearest.length === 1 ? nearest[0] : undefined) ?? [merged(nearest)];
  return chosen.map((each) => ({ ...each, path: [...issue.path, ...each.path] }));
}

/** Whether a form fails by a misspelt key alone: then that form was meant. */
function hasTypo(branch: readonly ZodIssue[]): boolean {
  const required = branch.filter(isMissingKey).map((issue) => String(issue.path[0]));
  return branch.some(
    (issue) => issue.code === 'unrecognized_keys' && issue.keys.some((key) => closest(key, required) !== undefined),
  );
}

function isMissingKey(issue: ZodIssue): boolean {
  return issue.path.length === 1 && issue.message.startsWith('required');
}

/** How little a fault speaks for the form it was found in: a wrong kind of value most, a fault inside a known key least. */
function weigh(issue: ZodIssue): number {
  if (issue.path.length === 0) return issue.code === 'unrecognized_keys' ? 2 * issue.keys.length : 100;
  return isMissingKey(issue) ? 3 : 1;
}

/** One fault for a value that fits several forms equally badly: what would have fitted. */
function merged(branches: readonly ZodIssue[][]): ZodIssue {
  const custom = (message: string): ZodIssue => ({ code: 'custom', path: [], message });
  const all = branches.flat();
  const missing = all.filter(isMissingKey).map((issue) => `"${String(issue.path[0])}"`);
  if (missing.length > 0) return custom(`required: ${listWords([...new Set(missing)])}`);
  if (all.every((issue) => issue.code === 'unrecognized_keys')) {
    const keys = new Set(all.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : [])));
    return custom(`expected only one of ${listWords([...keys].map((key) => `"${key}"`))}`);
  }
  const messages = all.map(({ message }) => /^(required:|expected) (.*?)(, found .*)?$/.exec(message));
  const wanted = messages.map((match, index) => match?.[2] ?? all[index]?.message ?? '');
  const found = messages.map((match) => match?.[3]).find((text) => text !== undefined) ?? '';
  const verb = messages.every((match) => match?.[1] === 'required:') ? 'required:' : 'expected';
  return custom(`${verb} ${listWords([...new Set(wanted)])}${found}`);
}

function toConfigIssues(issue: ZodIssue, root: unknown): ConfigIssue[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  if (issue.code === 'unrecognized_keys') {
    const forms = formsAt(root, root, path);
    return issue.keys.map((key) => ({ message: `unknown key${hintAt(key, forms)}`, path: [...path, key] }));
  }
  if (issue.code === 'invalid_key') return [{ message: issue.issues[0]?.message ?? issue.message, path }];
  return [{ message: issue.message, path }];
}

function hintAt(key: string, forms: readonly SchemaNode[]): string {
  if (key === 'mcpServers') {
    return ' — a file in the mcpServers shape has no key of ours beside it; write "upstreams" instead';
  }
  const home = forms.find(({ properties }) => properties !== undefined && Object.hasOwn(properties, key));
  if (home !== undefined) return ` here: it goes with ${listWords((home.required ?? []).map((each) => `"${each}"`))}`;
  const keys = [...new Set(forms.flatMap(({ properties }) => Object.keys(properties ?? {})))];
  const hint = suggest(key, keys);
  return hint === '' && keys.length > 0 && keys.length <= 12 ? ` — known here: ${keys.join(', ')}` : hint;
}

/** A misspelt key is one fault, although the key that was meant is then missing as well. */
function dropEchoes(issues: readonly ConfigIssue[]): ConfigIssue[] {
  const unknown = issues.filter(({ message }) => message.startsWith('unknown key'));
  return issues.filter((issue) => {
    if (!issue.message.startsWith('required')) return true;
    const key = String(issue.path.at(-1));
    return !unknown.some(
      ({ path }) =>
        path.slice(0, -1).join('\0') === issue.path.slice(0, -1).join('\0') && closest(String(path.at(-1)), [key]),
    );
  });
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly additionalProperties?: unknown;
  readonly required?: readonly string[];
  readonly items?: unknown;
  readonly anyOf?: readonly unknown[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, unknown>>;
}

function isSchemaNode(value: unknown): value is SchemaNode {
  return typeof value === 'object' && value !== null;
}

/** Every form the mapping at the path may take. */
function formsAt(root: unknown, node: unknown, path: readonly (string | number)[]): SchemaNode[] {
  if (!isSchemaNode(root) || !isSchemaNode(node)) return [];
  if (node.$ref !== undefined) return formsAt(root, root.$defs?.[node.$ref.replace('#/$defs/', '')], path);
  if (node.anyOf !== undefined) return node.anyOf.flatMap((form) => formsAt(root, form, path));
  const [step, ...rest] = path;
  if (step === undefined) return [node];
  const own = node.properties !== undefined && Object.hasOwn(node.properties, step) ? node.properties[step] : undefined;
  return formsAt(root, typeof step === 'number' ? node.items : (own ?? node.additionalProperties), rest);
}
