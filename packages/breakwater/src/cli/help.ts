import type { CommandName } from './command.ts';

const SETTINGS = `Settings (a flag beats the environment, which beats the file):
  -p, --port <number>         port to listen on [8808]          BREAKWATER_PORT, PORT
      --host <address>        address to listen on [127.0.0.1]  BREAKWATER_HOST, HOST
      --public-url <url>      address by which clients reach the gateway through a proxy
      --allow-host <name>     a Host header to answer besides the own ones; repeatable
      --allow-origin <origin> a browser's Origin to answer besides the own ones; repeatable
      --log-level <level>     trace, debug, info, warn, error, silent [info]  LOG_LEVEL`;

const MAIN = `Puts MCP servers on the network so that every MCP client can use them.

Usage:
  breakwater -- <command> [args…]      serve a program that speaks MCP on stdin and stdout
  breakwater --upstream <url>          serve a remote MCP server
  breakwater serve [-c <file>]         serve what a file describes
  breakwater demo                      serve a built-in server, to try things out
  breakwater check [<file>]            say what is wrong with a file
  breakwater print-config [-c <file>]  show a file with all defaults, secrets hidden

Examples:
  breakwater -- npx -y @modelcontextprotocol/server-everything
  breakwater --upstream https://example.com/mcp --header 'Authorization: Bearer \${TOKEN}'
  breakwater serve -c ~/.cursor/mcp.json

Server:
  -u, --upstream <url>        address of a remote MCP server
  -H, --header "Name: value"  header sent to it; \${NAME} stands for a variable; repeatable
  -c, --config <file>         YAML, JSON, or a client's file with "mcpServers"

${SETTINGS}

  -h, --help                  this text; "breakwater <command> --help" for one command
  -v, --version               the version
`;

const TOPICS: Readonly<Record<CommandName, string>> = {
  serve: `Serves what a configuration file describes, and takes up its changes while running. A file with
mistakes never replaces a good one.

Usage:
  breakwater serve [-c <file>] [settings]

  -c, --config <file>         YAML, JSON, or a client's file with "mcpServers" [breakwater.yaml]

${SETTINGS}
`,
  demo: `Serves a built-in MCP server that shows every feature, to try clients and the gateway with.

Usage:
  breakwater demo [settings]

${SETTINGS}
`,
  check: `Says what is wrong with a configuration file, with line and column. Starts nothing, reads no
secrets.
Exit code 0: valid. 1: not valid. 2: wrong usage.

Usage:
  breakwater check [<file>]   [breakwater.yaml]
`,
  'print-config': `Shows the configuration as the gateway understands it: every default filled in, secrets hidden.

Usage:
  breakwater print-config [-c <file>] [settings]

  -c, --config <file>         YAML, JSON, or a client's file with "mcpServers" [breakwater.yaml]

${SETTINGS}
`,
};

/** The help text: of one command, or of the whole program. */
export function helpText(topic?: CommandName): string {
  return topic === undefined ? MAIN : TOPICS[topic];
}
