import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REPOSITORY, runProgram } from './programs.ts';
import type { Asked, Era, Members, TestClient } from './test-client.ts';

const LAUNCHER = join(REPOSITORY, 'node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js');

/** The Inspector's command line: each request is a program of its own that connects, asks and goes. */
export async function connectInspector(url: string, era: Era): Promise<TestClient> {
  const home = await mkdtemp(join(tmpdir(), 'breakwater-inspector-'));
  return {
    ask: async (method, params = {}) => {
      const target = ['--transport', 'http', '--server-url', url, '--protocol-era', era];
      const asked = ['--method', method, ...argumentsFor(method, params)];
      const args = [LAUNCHER, '--cli', ...target, ...asked, '--format', 'json', '--quiet'];
      const { code, stdout, stderr } = await runProgram(process.execPath, args, { env: { HOME: home } });
      // Without a result it says why on stderr; a tool's own error has both a result and an exit code.
      if (stdout.trim() === '') throw new Error(`inspector ended with ${code}: ${stderr}`);
      return (JSON.parse(stdout) as { result: Members }).result;
    },
    close: () => rm(home, { recursive: true, force: true }),
  };
}

function argumentsFor(method: Asked, params: Members): string[] {
  const name = String(params['name']);
  const given = (params['arguments'] ?? {}) as Members;
  switch (method) {
    case 'tools/call':
      return ['--tool-name', name, '--tool-args-json', JSON.stringify(given)];
    case 'resources/read':
      return ['--uri', String(params['uri'])];
    case 'prompts/get':
      return [
        '--prompt-name',
        name,
        ...Object.entries(given).flatMap(([key, value]) => ['--prompt-args', `${key}=${value}`]),
      ];
    default:
      return [];
  }
}
