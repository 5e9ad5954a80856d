/**
 * Writes what follows from the configuration's schema: the JSON Schema for editors and the reference for people.
 * With `--check` it writes nothing and fails when one of them is not what it would write.
 */
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

const HEADINGS: Readonly<Record<string, string>> = {
  '': 'Top level',
  'upstreams.<name> (command)': 'upstreams.<name>: a program',
  'upstreams.<name> (url)': 'upstreams.<name>: a remote server',
};

function renderReference(root: Schema): string {
  const sections: string[] = [];
  // A section's tables list one mapping's keys; the mappings inside it follow as sections of their own.
  const visit = (schema: Schema, path: string, done: ReadonlySet<string>): void => {
    const keys = Object.entries(schema.properties ?? {}).filter(([key]) => !done.has(key));
    const required = new Set(schema.required);
    const rows = keys.map(([key, field]) => `| \`${key}\` | ${typeOf(field)} | ${defaultOf(field, required.has(key))} | ${cell(field.description ?? '')} |`);
    const heading = HEADINGS[path] ?? path.replace(/ \(.*\)/, '');
    const note = done.size === 0 ? '' : '\nBesides the keys every upstream has:\n';
    sections.push(`## ${heading === 'Top level' ? heading : `\`${heading.replace(/: .*/, '')}\`${heading.match(/: .*/)?.[0] ?? ''}`}\n${note}\n| Key | Type | Default | Meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`);
    for (const [key, field] of keys) visitInner(field, `${path.replace(/ \(.*\)/, '')}${path === '' ? '' : '.'}${key}`);
  };
  const visitInner = (field: Schema, path: string): void => {
    if (field.properties !== undefined) visit(field, path, new Set());
    if (field.items !== undefined) visitInner(field.items, `${path}[]`);
    if (typeof field.additionalProperties === 'object') visitInner(field.additionalProperties, `${path}.<name>`);
    const forms = (field.anyOf ?? []).filter((form) => form.properties !== undefined);
    if (forms.length === 1) for (const form of forms) visit(form, path, new Set());
    if (forms.length > 1) visitForms(forms, path);
  };
  const visitForms = (forms: readonly Schema[], path: string): void => {
    const [first, ...others] = forms.map((form) => Object.keys(form.properties ?? {}));
    const shared = new Set((first ?? []).filter((key) => others.every((keys) => keys.includes(key))));
    const common = Object.entries(forms[0]?.properties ?? {}).filter(([key]) => shared.has(key));
    visit({ properties: Object.fromEntries(common) }, path, new Set());
    for (const form of forms) visit(form, `${path} (${form.required?.[0] ?? ''})`, shared);
  };
  visit(root, '', new Set());
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return 'text or reference';
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(', or ');
  if (schema.pattern?.includes('KiB') === true) return 'size';
  if (schema.pattern?.includes('ms|s|m') === true) return 'duration';
  if (schema.items !== undefined) return `list of ${plural(typeOf(schema.items))}`;
  if (typeof schema.additionalProperties === 'object') return `mapping of names to ${plural(typeOf(schema.additionalProperties))}`;
  const words: Readonly<Record<string, string>> = { string: 'text', integer: 'whole number', boolean: '`true`, `false`', object: 'mapping' };
  const type = String(schema.type);
  return words[type] ?? type;
}

function plural(type: string): string {
  return { text: 'texts', mapping: 'mappings', 'text or reference': 'texts or references', 'mapping, or mapping': 'mappings' }[type] ?? type;
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
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll(/(?<!`)<(\w+)>(?!`)/g, '&lt;$1&gt;');
}

const root = join(import.meta.dirname, '..');
const schema = configJsonSchema();
const generated: readonly (readonly [path: string, text: string])[] = [
  ['packages/breakwater/schema/breakwater.schema.json', `${JSON.stringify(schema, null, 2)}\n`],
  ['docs/configuration.md', renderReference(schema as Schema)],
];

/** The file's text, or nothing when there is none. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not written yet: as stale as a file with other text.
    return '';
  }
}

for (const [path, text] of generated) {
  if (!process.argv.includes('--check')) {
    writeFileSync(join(root, path), text);
    process.stdout.write(`wrote ${path}\n`);
  } else if (readText(join(root, path)) !== text) {
    process.stderr.write(`${path} is stale: run "node tools/schema.ts"\n`);
    process.exitCode = 1;
  }
}
