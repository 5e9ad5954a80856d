import type { ConfigOverrides } from '../config/overrides.ts';
import type { AuditQuery } from './audit-args.ts';
import type { DoctorQuery } from './doctor-args.ts';
import type { RecordQuery } from './record-args.ts';
import type { ReplayQuery } from './replay-args.ts';

/** What the command line names: one server, without a file. */
export type Target =
  | { readonly kind: 'stdio'; readonly command: string; readonly args: readonly string[] }
  | { readonly kind: 'remote'; readonly url: string; readonly headers: Readonly<Record<string, string>> };

/** The commands that have a help page of their own. */
export const COMMAND_NAMES = ['serve', 'demo', 'check', 'print-config', 'audit', 'doctor', 'record', 'replay'] as const;
/** A command that has a help page of its own. */
export type CommandName = (typeof COMMAND_NAMES)[number];

/** What the command line asks for. `overrides` holds what flags and environment variables said. */
export type Command =
  | { readonly kind: 'help'; readonly topic?: CommandName }
  | { readonly kind: 'version' }
  | { readonly kind: 'run'; readonly target: Target; readonly overrides: ConfigOverrides }
  | { readonly kind: 'demo'; readonly overrides: ConfigOverrides }
  | { readonly kind: 'serve'; readonly configPath: string; readonly overrides: ConfigOverrides }
  | { readonly kind: 'check'; readonly configPath: string }
  | { readonly kind: 'audit'; readonly query: AuditQuery }
  | { readonly kind: 'doctor'; readonly query: DoctorQuery }
  | { readonly kind: 'record'; readonly query: RecordQuery }
  | { readonly kind: 'replay'; readonly query: ReplayQuery }
  | { readonly kind: 'print-config'; readonly configPath: string; readonly overrides: ConfigOverrides };

/** What the command line asks for, or what is wrong with it and what to write instead. */
export type ArgsResult =
  | { readonly ok: true; readonly command: Command }
  | { readonly ok: false; readonly message: string; readonly hint: string };
