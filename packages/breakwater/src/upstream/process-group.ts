/**
 * Children lead a process group of their own where the platform has groups: `npx` and `sh -c` start the real server as a grandchild, and a
 * signal to the child alone would leave it running.
 */
const HAS_GROUPS = process.platform !== 'win32';

const alive = new Set<number>();
let isHooked = false;

/** Spawn options under which {@link signalGroup} reaches the child's own children too. */
export const GROUP_SPAWN_OPTIONS = { detached: HAS_GROUPS, windowsHide: true } as const;

/** Remembers a child's group until {@link forgetGroup}; whatever is remembered when this process exits is killed with it. */
export function rememberGroup(pid: number): void {
  if (!isHooked) {
    isHooked = true;
    process.on('exit', () => {
      for (const leftover of alive) signalGroup(leftover, 'SIGKILL');
    });
  }
  alive.add(pid);
}

/** The group is gone. */
export function forgetGroup(pid: number): void {
  alive.delete(pid);
}

/** Signals every process of the group (signal 0 only asks). False when none is left. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(HAS_GROUPS ? -pid : pid, signal);
  } catch (error) {
    // EPERM: a member changed its user; it exists, and nothing more can be done about it.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
