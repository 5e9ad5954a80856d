import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** A program of the system that listens. */
export interface SystemProgram {
  stop(): Promise<void>;
}

/** Users do not always have the folders of system programs in their PATH. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;

/** Starts it and waits until it listens at the port. */
export async function startSystemProgram(name: string, port: number, args: readonly string[]): Promise<SystemProgram> {
  const child = spawn(name, args, { stdio: 'ignore', env: { ...process.env, PATH } });
  // Whatever goes wrong here, it must not stay behind.
  process.once('exit', () => child.kill());
  let problem: string | undefined;
  child.once('error', () => {
    problem = `there is no ${name}; install it: apt-get install redis-server haproxy, or brew install redis haproxy`;
  });
  child.once('exit', (code) => {
    problem = `${name} ended with ${code}`;
  });
  while (!(await isListening(port))) {
    if (problem !== undefined) throw new Error(problem);
    await wait(50);
  }
  return {
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** A port of this machine that nobody listens at. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
