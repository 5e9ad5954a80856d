import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { PERSONAS } from '../../packages/breakwater/src/doctor/personas/catalogue.ts';
import { runProgram } from '../e2e/support/programs.ts';
import { type Listening, listen, startBreakwater } from './servers.ts';

const BIN = 'packages/breakwater/src/bin.ts';
const QUICK = 'vesta,ae-js,spec-2025-11-25,foreign-origin';

const HeaderLines = z.array(z.tuple([z.string(), z.string()]));
const Exchange = z.strictObject({
  n: z.int().positive(),
  request: z.strictObject({ method: z.string(), url: z.string(), headers: HeaderLines, body: z.string().optional() }),
  response: z
    .strictObject({
      status: z.int(),
      headers: HeaderLines,
      body: z.string(),
      ending: z.enum(['complete', 'left-open', 'cut']),
    })
    .optional(),
  failure: z.string().optional(),
  tookMs: z.number(),
});
const Report = z.strictObject({
  format: z.literal('breakwater-doctor/1'),
  target: z.url(),
  startedAt: z.iso.datetime(),
  version: z.string(),
  score: z.strictObject({ in: z.int(), told: z.int(), stuck: z.int(), grade: z.enum(['A', 'B', 'C', 'D', 'F']) }),
  personas: z.array(
    z.strictObject({
      id: z.string(),
      title: z.string(),
      group: z.enum(['field-notes', 'later', 'elsewhere', 'well-behaved', 'hostile']),
      who: z.string(),
      evidence: z.string(),
      outcome: z.enum(['in', 'told', 'stuck']),
      reason: z.string(),
      decidedBy: z.int().optional(),
      needed: z.string().optional(),
      fix: z.string().optional(),
      remarks: z.array(z.string()),
      tookMs: z.int(),
      exchanges: z.array(Exchange),
    }),
  ),
  notPlayed: z.array(z.strictObject({ id: z.string(), title: z.string(), reason: z.string() })),
});

let breakwater: Listening;
let folder: string;

beforeAll(async () => {
  breakwater = await startBreakwater();
  folder = await mkdtemp(join(tmpdir(), 'breakwater-doctor-'));
});
afterAll(async () => {
  await breakwater[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const doctor = (...args: string[]) => runProgram(process.execPath, [BIN, 'doctor', ...args]);

describe('breakwater doctor', () => {
  it('exits 0 and shows a table when all got in or were told', async () => {
    const { code, stdout } = await doctor(breakwater.url, '--only', QUICK);
    expect(code).toBe(0);
    expect(stdout).toMatch(/✓ got in +vesta/);
    expect(stdout).toMatch(/→ withstood +foreign-origin/);
    expect(stdout).toContain('Grade A  3 in, 1 told, 0 stuck');
  });

  it('exits 1 when somebody is stuck, and says what decided it and how to fix it', async () => {
    await using teapot = await listen((_, response) => void response.writeHead(418).end('short and stout'));
    const { code, stdout } = await doctor(teapot.url, '--only', 'vesta');
    expect(code).toBe(1);
    expect(stdout).toContain('✗ stuck');
    expect(stdout).toContain(`POST ${teapot.url} → 418`);
    expect(stdout).toMatch(/fix: {2}Answer initialize/);
  });

  it.each([
    [['https://mcp.example.com/mcp'], 'mcp.example.com is not this machine', '--i-may-test mcp.example.com'],
    [['https://mcp.example.com/mcp', '--i-may-test', 'example.com'], 'is not this machine', 'consent'],
    [['http://127.0.0.1:1/mcp'], 'nothing listens there', ''],
    [['ftp://localhost/'], 'is no http or https URL', ''],
    [[], 'no server is named', 'breakwater doctor <url>'],
    [['http://localhost/', 'http://localhost/'], 'is too many', ''],
    [['http://localhost/', '--only', 'nobody'], 'there is no persona "nobody"', '--list'],
    [['http://localhost/', '--rate', 'fast'], '--rate is no number', ''],
    [['http://localhost/', '--timeout', '0'], '--timeout is no number', ''],
    [['http://localhost/', '--jsn'], 'unknown flag "--jsn"', '--json'],
    [['http://localhost/', '--html'], '--html needs a value', ''],
    [['http://localhost/', '--header', 'secret-without-colon'], '--header is no header', ''],
  ])('exits 2 with a sentence for %j', async (args, sentence, hint) => {
    const { code, stdout, stderr } = await doctor(...args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(sentence);
    if (hint !== 'consent') expect(stderr).toContain(hint);
    expect(stderr).not.toContain('secret-without-colon');
  });

  it('lists everybody', async () => {
    const { code, stdout } = await doctor('--list');
    expect(code).toBe(0);
    for (const { id, title } of PERSONAS) expect(stdout).toContain(`${id.padEnd(20)} ${title}`);
  });

  it('writes JSON of its published form, and nothing else, on stdout', async () => {
    const { code, stdout } = await doctor(breakwater.url, '--only', QUICK, '--json');
    expect(code).toBe(0);
    const report = Report.parse(JSON.parse(stdout));
    expect(report.personas.map(({ id }) => id).sort()).toEqual(QUICK.split(',').sort());
    expect(report.score).toMatchObject({ in: 3, told: 1, stuck: 0, grade: 'A' });
    for (const { exchanges, decidedBy } of report.personas) {
      expect(exchanges.map(({ n }) => n)).toEqual(exchanges.map((_, index) => index + 1));
      expect(exchanges.map(({ n }) => n)).toContain(decidedBy);
    }
  });

  it('shows neither credentials nor session ids', async () => {
    const token = 'Bearer s3cr3t-t0k3n-for-nobody';
    const { stdout } = await doctor(
      breakwater.url,
      '--only',
      'ae-js,query-profile',
      '--json',
      '-H',
      `Authorization: ${token}`,
    );
    expect(stdout).not.toContain('s3cr3t');
    expect(stdout).not.toContain('8a58cfe0-');
    expect(stdout).toContain('[redacted]');
    const { personas } = Report.parse(JSON.parse(stdout));
    const ids = personas.flatMap(({ exchanges }) =>
      exchanges.flatMap(({ request, response }) =>
        [...request.headers, ...(response?.headers ?? [])].flatMap(([name, value]) =>
          /^mcp-session-id$/i.test(name) ? [value] : [],
        ),
      ),
    );
    expect(new Set(ids)).toEqual(new Set(['‹session 1›']));
  });

  it('writes a page that loads nothing, and JUnit that is well formed', async () => {
    const html = join(folder, 'deep/report.html');
    const junit = join(folder, 'report.xml');
    // A server that wants to be in the page: what it says must stay text.
    const evil = '<script src="https://evil.example/x.js"></script>\u0000\u001b[31m]]>';
    await using server = await listen((_, response) => {
      response.writeHead(400, { 'content-type': 'application/json', 'x-evil': '"><img src=//evil.example>' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code: -32600, message: evil } }));
    });
    const { code, stdout } = await doctor(
      server.url,
      '--only',
      `${QUICK},wrong-audience`,
      '--html',
      html,
      '--junit',
      junit,
    );
    expect(code).toBe(1);
    expect(stdout).not.toContain('\u001b');
    const page = await readFile(html, 'utf8');
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/<(script|link|img|iframe|object|embed|base|form|video|audio)\b/i);
    expect(page).not.toMatch(/<[^>]*\s(src|srcset|href|action|data|on\w+)\s*=/i);
    expect(page).not.toMatch(/url\(|@import/i);
    const xml = await readFile(junit, 'utf8');
    expect(tagsOf(xml)).toEqual([]);
    expect(xml).not.toMatch(/[\x00-\x08\x0b\x0c\x0e-\x1f]/);
    expect(xml).toContain('failures="3" skipped="1"');
    expect(xml.match(/<testcase /g)).toHaveLength(5);
  });
});

/** Tags that are open at the end; throws where one is closed that is not the last opened, or text is no XML. */
function tagsOf(xml: string): string[] {
  const open: string[] = [];
  const body = xml.replace(/^<\?xml [^?]*\?>\n/, '');
  const rest = body.replaceAll(
    /<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>/g,
    (_, end: string, name: string, __, self: string) => {
      if (end === '/' && open.pop() !== name) throw new Error(`</${name}> closes nothing`);
      if (end === '' && self === '') open.push(name);
      return '';
    },
  );
  if (/[<>]|&(?!amp;|lt;|gt;|quot;)/.test(rest)) throw new Error(`no XML: ${rest}`);
  return open;
}
