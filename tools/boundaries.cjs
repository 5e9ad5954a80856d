/** The allowed imports of DESIGN §3, as rules. A new arrow is a decision: write it down in docs/design first. */
const src = '^packages/breakwater/src/';

/** Forbids `from` to import anything of the source tree but its own folder and `allowed`. */
function only(from, allowed, comment) {
  return {
    name: `${from}-imports`,
    comment,
    severity: 'error',
    from: { path: `${src}${from}/` },
    to: { path: src, pathNot: `${src}(${[from, ...allowed].join('|')})/` },
  };
}

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    only('jsonrpc', [], 'pure'),
    only('wire', [], 'bytes in, values out; knows no JSON-RPC'),
    only('protocol', ['jsonrpc'], 'pure message to message'),
    only('core', ['protocol', 'jsonrpc'], 'knows no socket, HTTP, Redis or logger'),
    only('downstream', ['core', 'protocol', 'jsonrpc', 'wire'], 'never imports upstream'),
    only('upstream', ['core', 'protocol', 'jsonrpc', 'wire'], 'never imports downstream'),
    only('store', ['core'], 'one contract, several implementations'),
    only(
      'fleet',
      ['core', 'protocol', 'jsonrpc', 'wire'],
      'what nodes say to each other; knows no upstream and no downstream',
    ),
    only('telemetry', ['core', 'protocol', 'jsonrpc'], 'a fold over core events'),
    only('doctor', ['protocol', 'jsonrpc', 'wire'], 'a client of any server: knows nothing of this one'),
    only(
      'recording',
      ['doctor', 'protocol', 'jsonrpc', 'wire'],
      'real traffic of any server, written and played; shares the wire of the doctor',
    ),
    only('admin', [], 'a listener for facts it is given'),
    only('listen', ['config', 'wire'], 'sockets before they are HTTP: knows no MCP'),
    only('config', [], 'a schema and its loader'),
    only('cli', ['config'], 'argv and texts'),
    only('demo', [], 'a server like any other: SDK only'),
    {
      name: 'pure-layers',
      comment: 'jsonrpc, wire and protocol do no I/O and read no clock',
      severity: 'error',
      from: { path: `${src}(jsonrpc|wire|protocol)/`, pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-peer'], pathNot: '^(node:)?(buffer|util)$' },
    },
    {
      name: 'node-http-by-name',
      comment:
        'process.getBuiltinModule: an import reads every export of node:http, and one of them loads all of fetch (design 010)',
      severity: 'error',
      from: { path: src, pathNot: `${src}(doctor|recording)/` },
      to: { path: '^(node:)?http$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'one-place-sees-two-eras',
      comment: 'protocol/legacy and protocol/modern meet in protocol/bridge only',
      severity: 'error',
      from: { path: `${src}protocol/(legacy|modern)/` },
      to: { path: `${src}protocol/(legacy|modern|bridge)/`, pathNot: `${src}protocol/$1/` },
    },
    {
      name: 'wiring-only-in-app',
      comment: 'only app.ts, bin.ts and index.ts join the rooms',
      severity: 'error',
      from: { path: `${src}[^/]+/` },
      to: { path: `${src}(app|bin|index)\\.ts$` },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    enhancedResolveOptions: { conditionNames: ['import', 'node', 'default', 'types'], exportsFields: ['exports'] },
  },
};
