import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needDebian, withSystemPath } from '../../fixtures/debian.ts';
import { until } from '../../fixtures/redis.ts';

/** A real load balancer before a fleet. */
export interface Balancer extends AsyncDisposable {
  readonly port: number;
}

const DEPLOY = new URL('../../../deploy/', import.meta.url);
/** The ports that stand in the files of deploy/. */
const WRITTEN = [8808, 8818, 8828];

/** Starts nginx or HAProxy with the very file of deploy/, but for the ports. */
export async function startBalancer(
  kind: 'nginx' | 'haproxy',
  port: number,
  nodes: readonly number[],
  folder: string,
): Promise<Balancer> {
  needDebian(['nginx', 'haproxy', 'util-linux'], ['nginx', 'haproxy', 'setpriv']);
  const file = kind === 'nginx' ? 'nginx/fleet.conf' : 'haproxy/fleet.cfg';
  let text = readFileSync(new URL(file, DEPLOY), 'utf8');
  for (const [at, written] of WRITTEN.entries())
    text = text.replaceAll(`127.0.0.1:${written}`, `127.0.0.1:${nodes[at]}`);
  text = text.replace('listen 8080', `listen 127.0.0.1:${port}`).replace('127.0.0.1:8080', `127.0.0.1:${port}`);
  const config = join(folder, `${kind}.conf`);
  writeFileSync(config, kind === 'nginx' ? wholeNginx(text, folder) : text);
  const args =
    kind === 'nginx' ? ['nginx', '-c', config, '-e', join(folder, 'nginx.err')] : ['haproxy', '-db', '-f', config];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...args], { stdio: 'ignore', env: withSystemPath() });
  await until(`${kind} listens`, async () => {
    if (child.exitCode !== null) throw new Error(`${kind} ended with ${child.exitCode}`);
    const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    return response?.ok === true;
  });
  return {
    port,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

/** The rest of a configuration that a test needs to run nginx as anybody, in a folder of its own. */
function wholeNginx(http: string, folder: string): string {
  const temp = join(folder, 'nginx');
  mkdirSync(temp, { recursive: true });
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (each) => `${each}_temp_path ${temp}/${each};`,
  );
  return `worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
events { worker_connections 2048; }
http {
access_log off;
${paths.join('\n')}
${http}
}
`;
}
