import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { formatIssues } from './issue.ts';
import { parseConfig } from './load.ts';
import { resolveSecrets, type SecretSources } from './secrets.ts';

async function resolveText(text: string, sources: SecretSources) {
  const parsed = parseConfig(text);
  if (!parsed.ok) throw new Error(formatIssues(parsed.issues));
  const result = await resolveSecrets(parsed.config, { locate: parsed.locate, ...sources });
  return result.ok ? result.config : formatIssues(result.issues);
}

async function folderWith(name: string, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-secrets-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, name), text);
  return folder;
}

describe('resolveSecrets', () => {
  it('replaces every kind of reference', async () => {
    const baseDir = await folderWith('key', 'k3y\r\n');
    const config = await resolveText(
      `upstreams:
  a: { command: { env: CMD }, args: [-t, { env: T }], env: { A: { file: key }, B: plain }, cwd: { template: "\${CMD}/\${NONE:-here}" } }
  b: { url: { template: "https://\${env:HOST_NAME}/mcp" }, headers: { Authorization: { template: "Bearer \${T}" } } }`,
      { env: { CMD: 'npx', T: 's3cret', HOST_NAME: 'example.com' }, baseDir },
    );
    expect(config).toMatchObject({
      upstreams: {
        a: { command: 'npx', args: ['-t', 's3cret'], env: { A: 'k3y', B: 'plain' }, cwd: 'npx/here' },
        b: { url: 'https://example.com/mcp', headers: { Authorization: 'Bearer s3cret' } },
      },
    });
  });

  it('names every missing variable and file with its place', async () => {
    const text = `upstreams:
  a: { command: npx, env: { A: { env: GONE }, B: { file: gone.txt } } }
  b:
    url: https://example.com
    headers:
      X-Key: { template: "\${ALSO_GONE}" }`;
    expect(await resolveText(text, { env: {}, baseDir: tmpdir() })).toBe(
      [
        'config:2:29  upstreams.a.env.A  the environment variable GONE is not set',
        'config:2:47  upstreams.a.env.B  gone.txt: there is no such file',
        'config:6:7  upstreams.b.headers.X-Key  the environment variable ALSO_GONE is not set',
        'config:6:7  upstreams.b.headers.X-Key  the value is empty',
      ].join('\n'),
    );
  });

  it('reads nothing for a disabled upstream and drops it from the routes', async () => {
    const text = `upstreams:
  a: { command: npx }
  b: { url: https://example.com, headers: { X-Key: { env: GONE } }, disabled: true }
routes: [{ path: /mcp, upstreams: [a, b] }]`;
    const config = await resolveText(text, { env: {} });
    expect(config).toMatchObject({ routes: [{ upstreams: ['a'] }] });
    expect(Object.keys(typeof config === 'string' ? {} : config.upstreams)).toEqual(['a']);
  });

  // Attack: who can write the secret file (or variable) adds a header of their own behind a line break.
  it('refuses a header value with a line break', async () => {
    const baseDir = await folderWith('key', 'abc\r\nX-Admin: yes\r\n');
    const text = 'upstreams: { a: { url: https://example.com, headers: { X-Key: { file: key } } } }';
    expect(await resolveText(text, { env: {}, baseDir })).toMatch(/line break/);
  });

  // Attack: the environment object inherits from Object.prototype; `{ env: constructor }` must not find a function there.
  it('knows only variables that are set', async () => {
    const text = 'upstreams: { a: { command: { env: constructor } } }';
    expect(await resolveText(text, { env: {} })).toMatch(/the environment variable constructor is not set/);
  });

  it('checks an address after its variables are filled in', async () => {
    const text = 'upstreams: { a: { url: { env: ADDRESS } } }';
    expect(await resolveText(text, { env: { ADDRESS: 'file:///etc/passwd' } })).toMatch(/no http or https URL/);
  });
});
