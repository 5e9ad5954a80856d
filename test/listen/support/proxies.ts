import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { findFreePort, type Program, REPOSITORY, startProgram } from '../../e2e/support/programs.ts';
import { needDebian, withSystemPath } from '../../fixtures/debian.ts';
import { type Authority, HOST } from './certificates.ts';
import { ask } from './wire.ts';

/** The proxies of `deploy/`, by what they are called in tests. */
export const PROXIES = ['nginx', 'HAProxy', 'Caddy', 'nginx stream', 'HAProxy tcp'] as const;
export type ProxyName = (typeof PROXIES)[number];

/** A real proxy before a gateway. */
export interface RunningProxy extends AsyncDisposable {
  /** Where it is reached over TLS. */
  readonly port: number;
  /** Where it is reached without, if it is. */
  readonly plainPort: number;
}

const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';
/** As Debian's package of HAProxy has it. */
const HAPROXY_DEFAULTS = 'defaults\n  timeout connect 5000\n  timeout client 50000\n  timeout server 50000\n';

/** Installs what the proxies need, where that is missing. */
export function needProxies(): void {
  const packages = ['nginx-light', 'libnginx-mod-stream', 'haproxy', 'caddy', 'openssl'];
  needDebian(packages, ['nginx', STREAM_MODULE, 'haproxy', 'caddy', 'openssl']);
}

/** Starts a proxy with its snippet, in which only places are replaced: ports, paths of certificates. */
export async function startProxy(proxy: ProxyName, gatewayPort: number, authority: Authority): Promise<RunningProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-proxy-'));
  // nginx' workers are somebody else.
  await chmod(folder, 0o755);
  const [port, plainPort] = [await findFreePort(), await findFreePort()];
  const { cert, key } = await authority.issue(`proxy-${proxy.replace(' ', '-')}`);
  const both = join(folder, 'both.pem');
  await writeFile(both, (await readFile(cert, 'utf8')) + (await readFile(key, 'utf8')));
  const bind = { tls: `127.0.0.1:${port}`, plain: `127.0.0.1:${plainPort}` };
  const gateway = ['127.0.0.1:8808', `127.0.0.1:${gatewayPort}`] as const;
  const configure = async (file: string, places: readonly (readonly [string, string])[], around = ['', '']) => {
    const text = fill(await readFile(join(REPOSITORY, 'deploy', file), 'utf8'), [gateway, ...places]);
    const path = join(folder, 'config');
    await writeFile(path, `${around[0]}${text}${around[1]}`);
    return path;
  };
  const env = { ...withSystemPath(), HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const start = (command: string, args: string[]): Program => startProgram(command, args, { env, cwd: folder });
  const nginx = (path: string): Program => start('nginx', ['-p', folder, '-e', 'stderr', '-c', path]);
  const haproxy = (path: string): Program => start('haproxy', ['-db', '-f', path]);

  async function run(): Promise<Program> {
    switch (proxy) {
      case 'nginx':
        return nginx(
          await configure(
            'nginx/breakwater.conf',
            [
              ['listen 443 ssl', `listen ${bind.tls} ssl`],
              ['listen 80', `listen ${bind.plain}`],
              [`/etc/ssl/${HOST}.pem`, cert],
              [`/etc/ssl/${HOST}.key`, key],
            ],
            [`${nginxHead(folder)}http {\naccess_log off;\n${nginxPaths(folder)}`, '}\n'],
          ),
        );
      case 'nginx stream':
        return nginx(
          await configure(
            'nginx/stream.conf',
            [['listen 443', `listen ${bind.tls}`]],
            [`load_module ${STREAM_MODULE};\n${nginxHead(folder)}`, ''],
          ),
        );
      case 'HAProxy':
        return haproxy(
          await configure(
            'haproxy/http.cfg',
            [
              ['bind :443', `bind ${bind.tls}`],
              ['bind :80', `bind ${bind.plain}`],
              [`/etc/haproxy/${HOST}.pem`, both],
            ],
            [HAPROXY_DEFAULTS, ''],
          ),
        );
      case 'HAProxy tcp':
        return haproxy(await configure('haproxy/tcp.cfg', [['bind :443', `bind ${bind.tls}`]], [HAPROXY_DEFAULTS, '']));
      case 'Caddy': {
        // No authority on the network would give us a certificate for this name.
        const own = `${HOST} {\n\tbind 127.0.0.1\n\ttls ${cert} ${key}`;
        const head = `{\n\tadmin off\n\thttp_port ${plainPort}\n\thttps_port ${port}\n}\n`;
        const path = await configure('caddy/Caddyfile', [[`${HOST} {`, own]], [head, '']);
        return start('caddy', ['run', '--adapter', 'caddyfile', '--config', path]);
      }
    }
  }

  const program = await run();
  const stop = async (): Promise<void> => {
    await program.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await vi.waitFor(
      async () => {
        const { status } = await ask({ port, ca: authority.ca, path: '/health', headers: { host: HOST } });
        if (status !== 200) throw new Error(`HTTP ${status}`);
      },
      { timeout: 20_000, interval: 100 },
    );
  } catch (error) {
    await stop();
    throw new Error(`${proxy} does not come up: ${program.output()}`, { cause: error });
  }
  return { port, plainPort, [Symbol.asyncDispose]: stop };
}

/** Replaces each place; a snippet that has none of it is not the one that was meant. */
function fill(text: string, places: readonly (readonly [from: string, to: string])[]): string {
  let filled = text;
  for (const [from, to] of places) {
    if (!filled.includes(from)) throw new Error(`the snippet holds no ${JSON.stringify(from)}`);
    filled = filled.replaceAll(from, to);
  }
  return filled;
}

function nginxHead(folder: string): string {
  return `daemon off;\npid ${folder}/nginx.pid;\nevents {}\n`;
}

function nginxPaths(folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};\n`).join('');
}
