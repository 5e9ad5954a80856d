import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needDebian, withSystemPath } from '../../test/fixtures/debian.ts';
import type { RunningContender, UpstreamAddress } from './contender.ts';
import { runOnPort } from './programs.ts';

/** Why nginx cannot be run; undefined when it can. Installs it where that is possible. */
export function isNginxMissing(): string | undefined {
  try {
    needDebian(['nginx-light'], ['nginx']);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Starts one nginx worker as a plain reverse proxy: unbuffered, connections kept on both sides. */
export async function startNginx(upstream: UpstreamAddress): Promise<RunningContender> {
  const { host, pathname } = new URL(upstream.url);
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-bench-nginx-'));
  const release = (): void => rmSync(folder, { recursive: true, force: true });
  const file = join(folder, 'nginx.conf');
  const command = spawnSync('sh', ['-c', 'command -v nginx'], {
    env: withSystemPath(),
    encoding: 'utf8',
  }).stdout.trim();
  try {
    const running = await runOnPort((port) => {
      writeFileSync(file, writeConfiguration(folder, port, host));
      return { command, args: ['-c', file, '-p', folder] };
    }, pathname);
    return { ...running, close: () => running.close().finally(release) };
  } catch (error) {
    release();
    throw error;
  }
}

function writeConfiguration(folder: string, port: number, upstream: string): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  return `
daemon off;
worker_processes 1;
pid ${join(folder, 'pid')};
error_log ${join(folder, 'error.log')} crit;
events { worker_connections 8192; }
http {
  access_log off;
  ${paths.join('\n  ')}
  keepalive_requests 100000000;
  client_max_body_size 4m;
  upstream mcp { server ${upstream}; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / {
      proxy_pass http://mcp;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
}
`;
}
