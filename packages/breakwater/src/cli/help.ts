import type { CommandName } from './command.ts';

const SETTINGS = `Settings (a flag beats the environment, which beats the file):
  -p, --port <number>         port to listen on [8808]          BREAKWATER_PORT, PORT
      --host <address>        address to listen on [127.0.0.1]  BREAKWATER_HOST, HOST
      --public-url <url>      address by which clients reach the gateway through a proxy
      --allow-host <name>     a Host header to answer besides the own ones; repeatable
      --allow-origin <origin> a browser's Origin to answer besides the own ones; repeatable
      --log-level <level>     trace, debug, info, warn, error, silent [info]  LOG_LEVEL
      --workers <number>      processes that share the port, each a node of a fleet [1]`;

const MAIN = `Puts MCP servers on the network so that every MCP client can use them.

Usage:
  breakwater -- <command> [args…]      serve a program that speaks MCP on stdin and stdout
  breakwater --upstream <url>          serve a remote MCP server
  breakwater serve [-c <file>]         serve what a file describes
  breakwater demo                      serve a built-in server, to try things out
  breakwater check [<file>]            say what is wrong with a file
  breakwater print-config [-c <file>]  show a file with all defaults, secrets hidden
  breakwater audit <question>          check and read an audit log
  breakwater doctor <url>              play every known client against a server, anybody's
  breakwater record <url>              record what clients and a server say, without their secrets
  breakwater replay <file> <url>       play a recording against a server; say what differs

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
  audit: `Checks and reads audit logs. Name all files of a log, in any order.

Usage:
  breakwater audit verify <file…>         is the chain whole? says the first broken line and why
  breakwater audit session <id> <file…>   what a session owned, opened, closed and asked
  breakwater audit at <time> <file…>      what was open then, and to which session it belonged

  --key-env <name>            variable that holds the log's key
  --key-file <path>           file that holds it; verify and plain session ids need the key
  --expect-last <seq:mac>     verify: a record that must be there, noted elsewhere before
  --json                      one JSON value instead of text

Exit code 0: whole, found. 1: broken, unknown. 2: wrong usage, unreadable.
`,
  doctor: `Plays every known client against an MCP server, as real requests, and reports which of them got in,
were told what to do, or are stuck: with the exchange that decided it, and the fix.

Usage:
  breakwater doctor <url>     such as http://127.0.0.1:8808/mcp
  breakwater doctor --list    the clients it knows

  --i-may-test <host>         play against a host that is not this machine: you have its
                              operator's consent. Some of the clients are hostile.
  --only <id,id>              play these alone
  -H, --header "Name: value"  sent with every request, such as Authorization; repeatable
  --allow-tools <name,name>   tools that may be called although they do not say readOnlyHint
  --rate <number>             requests a second [50; 5 for hosts that are not this machine]
  --timeout <seconds>         longest visit of one client [15]
  --json                      the report as JSON on stdout instead of a table
  --junit <file>              the report as JUnit XML, too
  --html <file>               the report as one page to share, too

Exit code 0: all got in or were told. 1: somebody is stuck. 2: wrong usage, or no server there.
`,
  record: `Stands before a server, lets everything pass, and writes what it sees as NDJSON: one line for each
HTTP exchange, without credentials, addresses, session ids and values.

Usage:
  breakwater record <url>     such as http://127.0.0.1:3000/mcp

  -o, --out <file>            where to write; never an existing file [recording.ndjson]
      --force                 write over it
      --listen <host:port>    where clients connect to [127.0.0.1:8810]
      --max-bytes <size>      recording stops here, traffic goes on [64m]
      --keep-values           keep the strings and numbers of arguments and results, without what
                              looks like a credential: for traffic of your own

Exit code 0: ended by SIGINT or SIGTERM. 1: the file could not be written. 2: wrong usage.
`,
  replay: `Plays a recording as real requests and compares the answers: status, media type, outcome, error
codes and the structure of results, never values, ids or times.

Usage:
  breakwater replay <file> <url>   such as recording.ndjson http://127.0.0.1:8808/mcp

      --allow-remote <host>   play at a host that is not this machine: its operator agrees
      --call-tools            call tools that do not say readOnlyHint, and send what else changes
  -H, --header "Name: value"  sent with every request, such as Authorization; repeatable
      --rate <number>         requests a second [50; 5 for hosts that are not this machine]
      --concurrency <number>  clients at one time [4]
      --timeout <seconds>     longest wait for one answer [15]
      --json                  the report as JSON on stdout instead of a table
      --junit <file>          the report as JUnit XML, too

Exit code 0: the same. 1: something differs. 2: wrong usage, no recording, or no server there.
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
