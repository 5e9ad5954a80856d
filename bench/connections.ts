/**
 * `node bench/connections.ts`: CPU that one new connection costs the gateway, plain and with TLS 1.3 (ECDSA P-256), each with one request. It never
 * fails on a figure. Needs `openssl`.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installCleanup, stopAll } from './child.ts';
import type { RunningContender } from './contenders/contender.ts';
import { runConfigured } from './contenders/programs.ts';
import { readTrees } from './proc.ts';

const { values } = parseArgs({ options: { connections: { type: 'string', default: '4000' } } });
const AT_ONCE = 16;
const WARM_UP = 500;

const folder = mkdtempSync(join(tmpdir(), 'breakwater-bench-tls-'));
const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];

/** Opens connections one after another, a few at a time; each carries one request and is closed. */
async function openMany(port: number, count: number, ca: Buffer | undefined): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await openOne(port, ca);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function openOne(port: number, ca: Buffer | undefined): Promise<void> {
  const target = { host: '127.0.0.1', port, path: '/healthz', agent: false } as const;
  return new Promise((resolve, reject) => {
    const request = ca === undefined ? plainRequest(target) : tlsRequest({ ...target, ca, servername: 'localhost' });
    request.once('response', (response) => response.resume().once('end', resolve));
    request.once('error', reject);
    request.end();
  });
}

async function measure(name: string, running: RunningContender, ca: Buffer | undefined): Promise<void> {
  const port = Number(new URL(running.url).port);
  const count = Number(values.connections);
  await openMany(port, WARM_UP, ca);
  const [before] = readTrees([running.pid]);
  await openMany(port, count, ca);
  const [after] = readTrees([running.pid]);
  const micros = (((after?.cpuMs ?? Number.NaN) - (before?.cpuMs ?? Number.NaN)) * 1000) / count;
  process.stdout.write(`${name}: ${micros.toFixed(0)} µs CPU for a connection with one request\n`);
  await running.close();
}

installCleanup();
try {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-x509', '-days', '2'];
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync('openssl', ['req', ...curve, ...name, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const upstream = { url: 'http://127.0.0.1:9/mcp' };
  await measure('plain', await runConfigured(upstream, {}), undefined);
  const tls = { listen: { tls: { cert, key } } };
  await measure('TLS 1.3, ECDSA', await runConfigured(upstream, tls), readFileSync(cert));
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
