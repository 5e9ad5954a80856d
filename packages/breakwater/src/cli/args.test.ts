import { describe, expect, it } from 'vitest';
import { parseArgs } from './args.ts';

const words = (line: string) => line.split(' ').filter((word) => word !== '');

describe('parseArgs', () => {
  it.each([
    ['', { kind: 'help' }],
    ['--help', { kind: 'help' }],
    ['help', { kind: 'help' }],
    ['serve --help', { kind: 'help', topic: 'serve' }],
    ['help print-config', { kind: 'help', topic: 'print-config' }],
    ['-v', { kind: 'version' }],
    ['serve', { kind: 'serve', configPath: 'breakwater.yaml', overrides: {} }],
    ['serve -c a.yaml', { kind: 'serve', configPath: 'a.yaml', overrides: {} }],
    ['serve a.yaml', { kind: 'serve', configPath: 'a.yaml', overrides: {} }],
    ['-c a.yaml', { kind: 'serve', configPath: 'a.yaml', overrides: {} }],
    ['--config=a.yaml -p 1', { kind: 'serve', configPath: 'a.yaml', overrides: { listen: { port: 1 } } }],
    ['check a.yaml', { kind: 'check', configPath: 'a.yaml' }],
    ['print-config -c a.yaml', { kind: 'print-config', configPath: 'a.yaml', overrides: {} }],
    ['demo --port 0', { kind: 'demo', overrides: { listen: { port: 0 } } }],
    ['-- npx -y a --port 5', run({ kind: 'stdio', command: 'npx', args: ['-y', 'a', '--port', '5'] })],
    ['-- a -- b', run({ kind: 'stdio', command: 'a', args: ['--', 'b'] })],
    ['--upstream https://a.example/mcp', run({ kind: 'remote', url: 'https://a.example/mcp', headers: {} })],
    [
      '--host 0.0.0.0 --public-url https://a.example --allow-host b --allow-host c --allow-origin * --log-level warn -- a',
      run(
        { kind: 'stdio', command: 'a', args: [] },
        {
          listen: { host: '0.0.0.0' },
          publicUrl: 'https://a.example',
          log: { level: 'warn' },
          allowedHosts: ['b', 'c'],
          allowedOrigins: ['*'],
        },
      ),
    ],
  ])('%s', (line, command) => expect(parseArgs(words(line))).toEqual({ ok: true, command }));

  it.each([
    ['--prot 9 -- a', 'unknown flag "--prot" — did you mean "--port"?'],
    ['--port', '--port needs a value', 'Write --port 8808.'],
    ['--host --port 3 -- a', '--host needs a value'],
    ['--port 70000 -- a', '--port is "70000"; expected a port: a number from 0 to 65535'],
    ['--log-level dbug -- a', '--log-level is "dbug"; expected one of trace', 'Did you mean debug?'],
    ['--public-url example.com -- a', '--public-url is "example.com"; expected an http'],
    ['--allow-origin example.com -- a', '--allow-origin is "example.com"; expected an origin'],
    ['--help=yes', '--help takes no value'],
    ['serv', 'unknown command "serv"', 'Did you mean "breakwater serve"?'],
    ['npx -y a', 'unknown command "npx"', 'To serve this program, write: breakwater -- npx -y a'],
    ['https://a.example/mcp', 'unknown command', 'write: breakwater --upstream https://a.example/mcp'],
    ['check a b', 'more than one configuration file'],
    ['check --port 1 a', '--port does not go with check'],
    ['serve --upstream https://a.example', '--upstream does not go with serve'],
    ['serve -- a', 'a command after -- does not go with serve'],
    ['demo a', 'demo takes no "a"'],
    ['--', 'no command after --'],
    ['--port 1', 'no server is named'],
    ['--upstream https://a.example -- b', 'more than one server is named'],
    ['--upstream ftp://a.example', '--upstream is no http or https URL'],
    ['--header A:b', '--header needs --upstream'],
  ])('%s: %s', (line, message, hint = '') => {
    const result = parseArgs(words(line));
    if (result.ok) throw new Error(`accepted: ${JSON.stringify(result.command)}`);
    expect(result.message).toContain(message);
    expect(result.hint).toContain(hint);
  });

  it('reads headers', () => {
    const argv = ['-u', 'https://a.example', '-H', 'Authorization: Bearer a:b', '--header', 'X-Empty:'];
    const headers = { Authorization: 'Bearer a:b', 'X-Empty': '' };
    expect(parseArgs(argv)).toEqual({
      ok: true,
      command: run({ kind: 'remote', url: 'https://a.example', headers }),
    });
  });

  // Whoever mistypes a header would find the token in the terminal's scroll-back, or in the log of a container that did not start.
  it.each(['Bearer ghp_secret', ': ghp_secret', 'A b: ghp_secret', 'A: ghp_secret\r\nB: c'])(
    'does not repeat %j',
    (header) => {
      const result = parseArgs(['--upstream', 'https://a.example', '--header', header]);
      expect(result.ok).toBe(false);
      expect(JSON.stringify(result)).not.toContain('ghp_secret');
    },
  );

  // Attack: a word with escape sequences, printed in an error, would write to the operator's terminal what its author likes.
  it.each([['\u001b]0;owned\u0007'], ['--\u001b[2J'], ['--log-level', '\u009b2J', '--', 'a'], ['demo', '\u001b[2J']])(
    'prints no control characters of %j',
    (...argv) => {
      const result = parseArgs(argv);
      expect(result.ok ? '' : result.message + result.hint).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
      expect(result.ok).toBe(false);
    },
  );

  describe('environment', () => {
    const listenWith = (env: Record<string, string>, ...flags: string[]) => {
      const result = parseArgs([...flags, '--', 'a'], env);
      return result.ok && result.command.kind === 'run' ? result.command.overrides : result;
    };

    it('is beaten by flags, and its own names beat the common ones', () => {
      const env = {
        BREAKWATER_PORT: '2',
        PORT: '3',
        BREAKWATER_HOST: '127.0.0.2',
        HOST: '127.0.0.3',
        LOG_LEVEL: 'WARN',
      };
      expect(listenWith(env, '--port', '1', '--host', '::1', '--log-level', 'error')).toEqual({
        listen: { host: '::1', port: 1 },
        log: { level: 'error' },
      });
      expect(listenWith(env)).toEqual({ listen: { host: '127.0.0.2', port: 2 }, log: { level: 'warn' } });
      expect(listenWith({ PORT: '3', HOST: '127.0.0.3' })).toEqual({ listen: { host: '127.0.0.3', port: 3 } });
    });

    it('counts nothing that is empty', () => expect(listenWith({ PORT: '', HOST: '', LOG_LEVEL: '' })).toEqual({}));

    // conda sets HOST to a compiler's triplet, csh to the machine's name; listening there fails or opens the wrong door.
    it.each(['x86_64-conda-linux-gnu', 'my-laptop'])('does not take HOST=%s for an address', (HOST) =>
      expect(listenWith({ HOST })).toEqual({}),
    );

    it('says which variable is wrong', () =>
      expect(listenWith({ PORT: 'tcp://10.0.0.1:80' })).toMatchObject({
        ok: false,
        message: 'PORT is "tcp://10.0.0.1:80"; expected a port: a number from 0 to 65535',
      }));
  });
});

function run(target: object, overrides: object = {}) {
  return { kind: 'run', target, overrides };
}
