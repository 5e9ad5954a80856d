/** The package as it is published: what is in it, and what its program says without serving anything. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import packageJson from '../../packages/breakwater/package.json' with { type: 'json' };
import { type Installed, installTarball } from './support/installed.ts';
import { runProgram } from './support/programs.ts';

const GOOD = `
listen: { port: 0 }
upstreams:
  files: { command: npx, args: [-y, some-server, --token, hush-1], env: { KEY: hush-2 } }
  web: { url: https://example.com/mcp, headers: { Authorization: { template: "Bearer \${TOKEN}" } } }
`;

let installed: Installed;

beforeAll(async () => {
  installed = await installTarball();
});

afterAll(async () => {
  await installed?.[Symbol.asyncDispose]();
});

test('the tarball holds the program, its types, the schema and the papers, and nothing else', () => {
  const wanted = ['package.json', 'README.md', 'LICENSE', 'NOTICE', 'schema/breakwater.schema.json'];
  expect(installed.files).toEqual(
    expect.arrayContaining([...wanted, 'dist/bin.js', 'dist/index.js', 'dist/index.d.ts']),
  );
  const others = installed.files.filter((path) => !path.startsWith('dist/') && !wanted.includes(path));
  expect(others).toEqual([]);
  expect(installed.files.filter((path) => path.includes('.test.'))).toEqual([]);
});

test('every export can be imported', async () => {
  const script = `
    import { createBreakwater, ERRORS, GatewayError } from 'breakwater';
    import { createDemoFactory } from 'breakwater/demo';
    import schema from 'breakwater/schema' with { type: 'json' };
    import about from 'breakwater/package.json' with { type: 'json' };
    const gateway = await createBreakwater({ upstreams: { demo: { factory: createDemoFactory() } } });
    await gateway.close();
    console.log(typeof ERRORS, typeof GatewayError, typeof schema, about.version);`;
  const path = await installed.write('import.js', script);
  const { code, stdout, stderr } = await runProgram(process.execPath, [path], { cwd: installed.folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toBe(`object function object ${packageJson.version}\n`);
});

describe('what it says about itself', () => {
  test.each(['--version', '-v'])('%s', async (flag) => {
    expect(await installed.run([flag])).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' });
  });

  test.each([['--help'], ['-h'], ['help'], []])('the help, by %s', async (...args) => {
    const { code, stdout, stderr } = await installed.run(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const usage of ['breakwater -- <command>', '--upstream <url>', 'breakwater demo', '--port']) {
      expect(stdout).toContain(usage);
    }
  });

  test.each(['serve', 'demo', 'check', 'print-config'])('the help of %s', async (command) => {
    const { code, stdout } = await installed.run([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`breakwater ${command}`);
  });
});

describe('a command line that cannot be understood ends with 2 and says what to write', () => {
  test.each<[args: string[], message: string, hint: string]>([
    [['demo', '--prot', '1'], '--prot', '--port'],
    [['demo', '--port', 'eighty'], '--port is "eighty"', '--port 8808'],
    [['demo', '--port'], '--port needs a value', '--port 8808'],
    [['demo', '--log-level', 'loud'], '--log-level is "loud"', 'debug'],
    [['demo', '--config', 'a.yaml'], '--config does not go with demo', '--help'],
    [['sevre'], 'unknown command "sevre"', 'breakwater serve'],
    [['npx', '-y', 'some-server'], 'unknown command "npx"', 'breakwater -- npx -y some-server'],
    [['https://example.com/mcp'], 'unknown command', 'breakwater --upstream https://example.com/mcp'],
    [['--upstream', 'example.com'], '--upstream', '--upstream https://example.com/mcp'],
    [['--upstream', 'https://example.com/mcp', '-H', 'nonsense'], '--header', '--header'],
    [['--header', 'A: b'], '--header needs --upstream', 'remote server'],
    [['--'], 'no command after --', 'breakwater -- npx'],
    [['--port', '0'], 'no server is named', 'breakwater -- <command>'],
  ])('%j', async (args, message, hint) => {
    const { code, stdout, stderr } = await installed.run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
  });
});

describe('check', () => {
  test('a good file', async () => {
    await installed.write('good.yaml', GOOD);
    const { code, stdout, stderr } = await installed.run(['check', 'good.yaml']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('hush') });
    expect(stdout).toContain('good.yaml: valid, 2 upstreams, 3 routes');
  });

  test.each<[what: string, text: string, said: string[]]>([
    ['no YAML', 'upstreams: [', ['bad.yaml:1:']],
    ['an unknown key', 'upstreams:\n  a: { comand: x }\n', ['bad.yaml:2:', 'comand', 'command']],
    ['a wrong value', 'listen: { port: 99999 }\nupstreams:\n  a: { command: x }\n', ['bad.yaml:1:', 'port']],
    [
      'a missing upstream',
      'upstreams:\n  a: { command: x }\nroutes:\n  - { path: /mcp, upstreams: [b] }\n',
      ['bad.yaml:4:', 'b'],
    ],
    ['nothing', '', ['bad.yaml', 'empty']],
  ])('a file with %s ends with 1 and says where', async (_what, text, said) => {
    await installed.write('bad.yaml', text);
    const { code, stdout, stderr } = await installed.run(['check', 'bad.yaml']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    for (const part of said) expect(stderr).toContain(part);
  });

  test('a file that is not there', async () => {
    const { code, stderr } = await installed.run(['check', 'nowhere.yaml']);
    expect(code).toBe(1);
    expect(stderr).toContain('nowhere.yaml');
  });
});

test('print-config shows every default and no secret, and what it shows is valid', async () => {
  await installed.write('shown.yaml', GOOD);
  const { code, stdout } = await installed.run(['print-config', '-c', 'shown.yaml', '--port', '4321']);
  expect(code).toBe(0);
  expect(stdout).toContain('port: 4321');
  expect(stdout).toMatch(/Bearer \$\{TOKEN\}/);
  expect(stdout).toContain('idleTimeout: 5m');
  expect(stdout).not.toContain('hush');
  await installed.write('again.yaml', stdout);
  expect(await installed.run(['check', 'again.yaml'])).toMatchObject({ code: 0 });
});
