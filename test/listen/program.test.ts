/** The program itself with a certificate: what it says when it starts, and its reloads. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPOSITORY, runProgram, startProgram } from '../e2e/support/programs.ts';
import { type Authority, createAuthority } from './support/certificates.ts';
import { GATED_SERVER } from './support/serving.ts';
import { callTool, ping } from './support/wire.ts';

const BIN = join(REPOSITORY, 'packages/breakwater/src/bin.ts');

/** Programs take their time to start on a busy machine. */
const SLOW = { timeout: 120_000 };

let authority: Authority;

beforeAll(async () => {
  authority = await createAuthority();
});

afterAll(async () => {
  await authority?.[Symbol.asyncDispose]();
});

/** Writes a configuration beside the certificates; their paths are relative to it. */
async function configure(tls: object): Promise<string> {
  const file = join(authority.folder, 'breakwater.json');
  await writeFile(file, JSON.stringify({ listen: { port: 0, tls }, upstreams: { gated: GATED_SERVER } }));
  return file;
}

test('it says where https is and who goes there, and SIGHUP cuts no stream', SLOW, async () => {
  await authority.issue('program');
  const file = await configure({ cert: 'program.pem', key: 'program.key', redirectPort: 0 });
  await using program = startProgram(process.execPath, [BIN, 'serve', '-c', file]);
  const [, port] = await program.until(/MCP +https:\/\/127\.0\.0\.1:(\d+)\/mcp/);
  const [, redirectPort] = await program.until(/HTTP +http:\/\/127\.0\.0\.1:(\d+) +goes to https/);
  expect((await ping({ port: Number(redirectPort) })).headers.location).toBe(`https://127.0.0.1:${port}/mcp`);

  const place = { port: Number(port), ca: authority.ca };
  const gate = join(authority.folder, 'gate');
  const { reader } = await callTool(place, 'step', { gate });
  expect(await reader.message()).toMatchObject({ method: 'notifications/progress' });
  program.child.kill('SIGHUP');
  expect((await ping(place)).status).toBe(200);
  await writeFile(gate, '');
  expect(await reader.rest()).toMatchObject([{ result: { content: [{ text: 'stepped' }] } }]);
  await program.until(/The changed configuration is at work/);

  // A pair that cannot be used does not replace one that can.
  await writeFile(join(authority.folder, 'program.key'), 'nothing');
  program.child.kill('SIGHUP');
  await program.until(/The changed configuration is not valid; the running one stays/);
  expect(program.output()).toMatch(/listen\.tls\.key .*expected a private key in PEM form/);
  expect((await ping(place)).status).toBe(200);
});

test('a certificate that has expired ends it before it listens, with the line it stands in', SLOW, async () => {
  await authority.issue('old', 0);
  const file = await configure({ cert: 'old.pem', key: 'old.key' });
  const { code, stdout, stderr } = await runProgram(process.execPath, [BIN, 'serve', '-c', file]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(
    /breakwater\.json:1:\d+ {2}listen\.tls\.cert {2}\S+old\.pem: the certificate expired on \d{4}-/,
  );
});
