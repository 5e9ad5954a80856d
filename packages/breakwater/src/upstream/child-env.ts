// The SDK's own allow-list (client/stdio getDefaultEnvironment) and the locale: what programs need to run, nothing that identifies or unlocks.
const POSIX = ['HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'TMPDIR', 'TZ', 'USER'];
const WINDOWS = [
  'APPDATA',
  'HOMEDRIVE',
  'HOMEPATH',
  'LOCALAPPDATA',
  'PATH',
  'PATHEXT',
  'PROCESSOR_ARCHITECTURE',
  'PROGRAMFILES',
  'SYSTEMDRIVE',
  'SYSTEMROOT',
  'TEMP',
  'USERNAME',
  'USERPROFILE',
];

/**
 * The environment of a child: the harmless part of the gateway's own, then the configured variables. The gateway's environment holds its secrets;
 * a server gets those it is given by name, and no others.
 */
export function childEnvironment(
  configured: Readonly<Record<string, string>>,
  own: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of process.platform === 'win32' ? WINDOWS : POSIX) {
    const value = own[name];
    // A value that starts with "()" is an exported shell function: code, not data.
    if (value !== undefined && !value.startsWith('()')) environment[name] = value;
  }
  return { ...environment, ...configured };
}
