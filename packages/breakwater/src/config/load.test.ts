import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig, parseConfig } from './load.ts';

describe('parseConfig', () => {
  it('never throws and gives every issue a place', () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.json(),
          fc.json().map((json) => `upstreams: ${json}`),
        ),
        (text) => {
          const result = parseConfig(text);
          if (result.ok) return;
          expect(result.issues.length).toBeGreaterThan(0);
          for (const { line, column } of result.issues)
            expect([(line ?? 0) > 0, (column ?? 0) > 0]).toEqual([true, true]);
        },
      ),
    ));

  it('lets flags win over the file, and lists grow', () => {
    const text = 'listen: { host: 0.0.0.0, port: 1 }\nallowedHosts: [a.example.com]\nupstreams: { a: { command: x } }';
    const overrides = { listen: { port: 2 }, allowedHosts: ['b.example.com'], log: { level: 'debug' } };
    const result = parseConfig(text, { overrides });
    expect(result).toMatchObject({
      ok: true,
      config: { listen: { host: '0.0.0.0', port: 2 }, log: { level: 'debug' } },
    });
    expect(result.ok && result.config.allowedHosts.slice(-2)).toEqual(['a.example.com', 'b.example.com']);
  });

  it('lays flags over a file of the ecosystem as well', () => {
    const result = parseConfig('{"mcpServers": {"a": {"command": "x"}}}', { overrides: { listen: { port: 2 } } });
    expect(result).toMatchObject({ ok: true, config: { listen: { port: 2 } } });
  });

  it('refuses to switch an accommodation nobody knows', () => {
    const text =
      'upstreams: { a: { command: x } }\nroutes:\n  - path: /mcp\n    accommodations: { acept-missing: false }';
    expect(parseConfig(text, { accommodationIds: ['accept-missing'] })).toEqual({
      ok: false,
      issues: [
        {
          message: 'no accommodation has this id — did you mean "accept-missing"?',
          path: ['routes', 0, 'accommodations', 'acept-missing'],
          line: 4,
          column: 23,
        },
      ],
    });
  });

  // A parser's complaint usually quotes the line it stumbled over; here that line may be a credential.
  it('never repeats a value in an issue', () => {
    const secret = 'ghp_0123456789';
    const texts = [
      `upstreams: { a: { command: x, era: ${secret}, prefix: "${secret} ", limits: { handles: ${secret} } } }`,
      `upstreams: { a: { url: "${secret}", headers: { Authorization: ${secret} } } }`,
      `upstreams: { a: { url: https://x.example, headers: { Authorization: ${secret} } } }`,
      `upstreams: { a: { command: x, env: { A: "${secret}" ${secret} } } }`,
      `upstreams:\n  a:\n    command: "${secret}" ${secret}\n`,
      `upstreams:\n  a: ${secret}: x\n  ]${secret}`,
      `{"mcpServers": {"a": {"type": "${secret}", "url": "${secret}", "headers": "${secret}"}}}`,
    ];
    for (const text of texts) {
      const result = parseConfig(text);
      expect(result.ok).toBe(false);
      expect(JSON.stringify(result)).not.toContain(secret);
    }
  });
});

describe('loadConfig', () => {
  it('says why a file cannot be read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'breakwater-load-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    expect(await loadConfig(join(folder, 'gone.yaml'))).toEqual({
      ok: false,
      issues: [{ message: 'there is no such file', path: [] }],
    });
    expect(await loadConfig(folder)).toEqual({
      ok: false,
      issues: [{ message: 'this is a folder, not a file', path: [] }],
    });
    await writeFile(join(folder, 'good.yaml'), '\uFEFFupstreams: { a: { command: x } }\r\n');
    expect(await loadConfig(join(folder, 'good.yaml'))).toMatchObject({ ok: true, warnings: [] });
  });
});
