/** The fixed result bodies of the bench upstream, serialised once at start so that the upstream costs the least it can. */

/** The legacy revision the bench speaks. */
export const LEGACY_REVISION = '2025-11-25';
/** The modern revision the bench speaks. */
export const MODERN_REVISION = '2026-07-28';
/** The `_meta` key whose presence in a request's body makes it modern. */
export const REVISION_KEY = 'io.modelcontextprotocol/protocolVersion';

/** Length in bytes of the text the `big` tool answers with. */
export const BIG_TEXT_BYTES = 1024 * 1024;
/** Last bytes of the `big` tool's text: present only when the whole body arrived. */
export const BIG_TEXT_END = 'end-of-big';
/** How many tools `tools/list` names. */
export const TOOL_COUNT = 22;
/** Name of the last tool of the list: present only when the whole list arrived. */
export const LAST_TOOL = 'archive_workspace';

/** The tools that do something: answer one line, answer it as SSE, answer it after a progress event, answer 1 MB. */
const WORKING_TOOLS = ['echo', 'echo_sse', 'echo_progress', 'big'];
const FILLER_TOOLS = (
  'search_issues create_issue update_issue list_branches create_branch merge_branch read_file write_file list_folder ' +
  'run_query explain_query list_tables send_message list_channels create_event list_events export_report'
).split(' ');

/** `result` objects without era fields, by method; `tools/call` is not here because it depends on its arguments. */
export const LIST_RESULTS: Readonly<Record<string, object>> = {
  'tools/list': { tools: [...WORKING_TOOLS, ...FILLER_TOOLS, LAST_TOOL].map(describeTool) },
  'prompts/list': { prompts: Array.from({ length: 6 }, (_, index) => describePrompt(index)) },
  'resources/list': { resources: Array.from({ length: 10 }, (_, index) => describeResource(index)) },
  'resources/templates/list': { resourceTemplates: [] },
};

/** What the server says it can do, in both eras. */
export const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true },
  logging: {},
};

/** How the server names itself. */
export const SERVER_INFO = { name: 'bench-upstream', version: '1.0.0' };

/** Returns the text of the `big` tool: incompressible enough not to be special, ASCII so that bytes equal characters. */
export function writeBigText(): string {
  const line = Array.from({ length: 64 }, (_, index) => String.fromCharCode(97 + ((index * 7) % 26))).join('');
  const fill = line.repeat(Math.ceil(BIG_TEXT_BYTES / line.length));
  return fill.slice(0, BIG_TEXT_BYTES - BIG_TEXT_END.length) + BIG_TEXT_END;
}

/** About 1.88 KB each, so that 22 of them make the 41 KB list of the reference measurements. */
function describeTool(name: string): object {
  const prose =
    `Performs "${name.replaceAll('_', ' ')}" in the connected workspace and returns a short report. Use it when the user names ` +
    'the object explicitly; ask before changing anything that other people can see, and say what was changed afterwards. ';
  const property = (topic: string): object => ({
    type: 'string',
    description: `The ${topic} to use. ${'Plain text, no markup, at most 200 characters. '.repeat(2)}`.trim(),
    minLength: 1,
    maxLength: 200,
  });
  return {
    name,
    title: name.replaceAll('_', ' '),
    description: prose.repeat(3).trim(),
    inputSchema: {
      type: 'object',
      properties: {
        text: property('text'),
        project: property('project'),
        owner: property('owner'),
        label: property('label'),
        order: {
          type: 'string',
          enum: ['newest', 'oldest', 'most-used', 'least-used'],
          description: 'Order of the rows.',
        },
        limit: {
          type: 'integer',
          minimum: 1,
          maximum: 500,
          default: 50,
          description: 'How many rows to return at most.',
        },
      },
      required: name.startsWith('echo') ? ['text'] : [],
      additionalProperties: false,
    },
    annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  };
}

function describePrompt(index: number): object {
  return {
    name: `prompt_${index}`,
    description: 'Writes a summary of the selected documents for a reader who was not there.',
    arguments: [{ name: 'topic', description: 'What the summary is about.', required: true }],
  };
}

function describeResource(index: number): object {
  return {
    uri: `bench://documents/${index}`,
    name: `document-${index}`,
    description: 'A document of the bench workspace.',
    mimeType: 'text/plain',
  };
}
