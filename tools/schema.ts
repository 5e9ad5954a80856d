/**
 * Writes what follows from the configuration's schema: the JSON Schema for editors and the reference for people.
 * With `--check` it writes nothing and fails when one of them is not what it would write.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configJsonSchema } from '../packages/breakwater/src/config/json-schema.ts';

interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly title?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

const INTRODUCTION = `<!-- Written by tools/schema.ts from packages/breakwater/src/config. Do not edit: run \`node tools/schema.ts\`. -->

# Configuration

A configuration is one file, in YAML or JSON. Only \`upstreams\` is needed:

\`\`\`yaml
# yaml-language-server: $schema=./node_modules/breakwater/schema/breakwater.schema.json
version: 1
upstreams:
  files:
    command: npx
    args: [-y, "@modelcontextprotocol/server-filesystem", /srv/files]
  issues:
    url: https://issues.example.com/mcp
    headers:
      Authorization: { template: "Bearer \${ISSUES_TOKEN}" }
\`\`\`

This serves both at \`/mcp\`, each alone at \`/mcp/files\` and \`/mcp/issues\`. \`breakwater check <file>\` says what is wrong with a file, with
line and column; \`breakwater print-config -c <file>\` shows it with all defaults and without secrets.

**Order.** A flag beats an environment variable (\`BREAKWATER_PORT\`, \`BREAKWATER_HOST\`, \`PORT\`, \`HOST\`, \`LOG_LEVEL\`), which beats the file.
\`HOST\` counts only when it is an IP address or \`localhost\`: shells set it to other things.

**Reload.** \`breakwater serve\` reads the file again when it changes and on \`SIGHUP\`. A file with mistakes never replaces a good one.

**Durations** are texts such as \`250ms\`, \`30s\`, \`5m\`, \`1h\`, \`2d\`, or numbers of milliseconds; 24 days at most. **Sizes** are texts such as \`512B\`,
\`16KiB\`, \`4MiB\`, \`1GB\`, or numbers of bytes.

**Text or reference.** Where the type says so, a value can be kept elsewhere:

| Written | Means |
| --- | --- |
| \`plain text\` | itself; \`\${…}\` has no meaning in it |
| \`{ env: NAME }\` | the environment variable; not set is an error |
| \`{ file: path }\` | the content of the file, without the newline at its end; relative to the configuration file |
| \`{ template: "Bearer \${NAME}" }\` | text with variables in it: \`\${NAME}\`, \`\${env:NAME}\`, \`\${NAME:-default}\` |

Headers that carry a credential (\`Authorization\`, \`Cookie\`, \`X-API-Key\` and the like) must be references; a literal is an error. Literals in \`env\` are
allowed, with a warning when the name looks like a credential's. A name counts as a credential's when it holds a word such as \`token\`, \`secret\`,
\`password\`, \`auth\` or \`api-key\`.

## Files of other programs

A file in the shape \`{"mcpServers": {…}}\` (Claude, Cursor, Windsurf, Cline, Gemini CLI, …) or \`{"servers": {…}}\` (VS Code) is read as it is, comments and
trailing commas included: \`breakwater serve -c ~/.cursor/mcp.json\`. It understands \`command\`, \`args\`, \`env\`, \`cwd\`, \`url\` (\`serverUrl\`, \`httpUrl\`),
\`headers\`, \`type\` (\`stdio\`, \`sse\`, \`http\`, \`streamable-http\`, \`streamableHttp\`), \`disabled\` (\`enabled\`) and \`disabledTools\` (\`excludeTools\`). Every other
key is tolerated and named in a warning. Literal credentials are accepted; \`\${NAME}\`, \`\${env:NAME}\` and \`\${NAME:-default}\` are filled in
everywhere, and \`\${input:…}\`, which only an editor can fill in, is an error. Names that cannot stand in a path are made to fit, with a warning.
`;

/** Headings of the forms a mapping may take, by the key that tells them apart. */
const FORMS: Readonly<Record<string, string>> = { command: 'a program', url: 'a remote server' };

/** One section per mapping: a table of its keys, then the mappings inside it. */
function renderReference(root: Schema): string {
  return [INTRODUCTION, ...sectionOf(root, '', 'Top level')].join('\n');
}

function sectionOf(schema: Schema, path: string, heading = `\`${path}\``, note = ''): string[] {
  const fields = Object.entries(schema.properties ?? {});
  const rows = fields.map(([key, field]) => {
    const cells = [`\`${key}\``, typeOf(field), defaultOf(field, schema.required?.includes(key) ?? false)];
    return `| ${[...cells, cell(field.description ?? '')].join(' | ')} |`;
  });
  const head = ['| Key | Type | Default | Meaning |', '| --- | --- | --- | --- |'];
  const own = [`## ${heading}`, '', ...(note === '' ? [] : [note, '']), ...head, ...rows, ''].join('\n');
  return [own, ...fields.flatMap(([key, field]) => innerSections(field, path === '' ? key : `${path}.${key}`))];
}

function innerSections(field: Schema, path: string): string[] {
  const forms = (field.anyOf ?? []).filter((form) => form.properties !== undefined);
  const [only] = forms;
  return [
    ...(field.properties === undefined ? [] : sectionOf(field, path)),
    ...(field.items === undefined ? [] : innerSections(field.items, `${path}[]`)),
    ...(typeof field.additionalProperties === 'object'
      ? innerSections(field.additionalProperties, `${path}.<name>`)
      : []),
    ...(forms.length === 1 && only !== undefined ? sectionOf(only, path) : []),
    ...(forms.length > 1 ? formSections(forms, path) : []),
  ];
}

/** The keys all forms share once, then each form with its own. */
function formSections(forms: readonly Schema[], path: string): string[] {
  const isShared = (key: string) => forms.every(({ properties }) => Object.hasOwn(properties ?? {}, key));
  const pick = (form: Schema, wanted: boolean): Schema => ({
    ...form,
    properties: Object.fromEntries(Object.entries(form.properties ?? {}).filter(([key]) => isShared(key) === wanted)),
  });
  const [first = {}] = forms;
  return [
    ...sectionOf(pick(first, true), path, undefined, 'Every upstream has these keys, whatever its kind:'),
    ...forms.flatMap((form) =>
      sectionOf(pick(form, false), path, `\`${path}\`: ${FORMS[form.required?.[0] ?? ''] ?? 'another form'}`),
    ),
  ];
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.endsWith('/Reference') ? 'reference' : 'text or reference';
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(', or ');
  if (schema.pattern?.includes('KiB') === true) return 'size';
  if (schema.pattern?.includes('ms|s|m') === true) return 'duration';
  if (schema.items !== undefined) return `list of ${plural(typeOf(schema.items))}`;
  if (typeof schema.additionalProperties === 'object')
    return `mapping of names to ${plural(typeOf(schema.additionalProperties))}`;
  const words: Readonly<Record<string, string>> = {
    string: 'text',
    integer: 'whole number',
    boolean: '`true`, `false`',
    object: 'mapping',
  };
  const type = String(schema.type);
  return words[type] ?? type;
}

function plural(type: string): string {
  return (
    {
      text: 'texts',
      mapping: 'mappings',
      'text or reference': 'texts or references',
      'mapping, or mapping': 'mappings',
    }[type] ?? type
  );
}

function defaultOf(schema: Schema, isRequired: boolean): string {
  if (isRequired) return '**required**';
  const value = schema.default;
  if (value === undefined) return '';
  if (typeof value !== 'object') return `\`${String(value)}\``;
  return Array.isArray(value) ? 'none' : '';
}

/** A text that may stand in a table's cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** JSON as the repository's formatter writes it, so that the formatter has nothing to say about a generated file. */
function formatJson(path: string, value: unknown): string {
  const biome = join(root, 'node_modules/.bin/biome');
  const args = ['format', `--stdin-file-path=${path}`];
  return execFileSync(biome, args, { cwd: root, input: JSON.stringify(value, null, 2), encoding: 'utf8' });
}

/** The file's text, or nothing when there is none. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not written yet: as stale as a file with other text.
    return '';
  }
}

const root = join(import.meta.dirname, '..');
const schema = configJsonSchema();
const schemaPath = 'packages/breakwater/schema/breakwater.schema.json';
const generated: readonly (readonly [path: string, text: string])[] = [
  [schemaPath, formatJson(schemaPath, schema)],
  ['docs/configuration.md', renderReference(schema as Schema)],
];

for (const [path, text] of generated) {
  if (!process.argv.includes('--check')) {
    writeFileSync(join(root, path), text);
    process.stdout.write(`wrote ${path}\n`);
  } else if (readText(join(root, path)) !== text) {
    process.stderr.write(`${path} is stale: run "node tools/schema.ts"\n`);
    process.exitCode = 1;
  }
}
