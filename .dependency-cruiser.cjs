/**
 * Who may import whom. Imports go one way:
 * stages -> state -> contract; app and cli -> engine -> contract; the engine knows the model host only by its messages.
 */

/** A rule that nothing in `from` may import anything in `to`. */
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

/** The packages of the window, which are bundled into it. */
const windowPackages = '(^|/)node_modules/(svelte|chart\\.js|d3-contour|d3-array|internmap|virtua|@kurkle/color|bits-ui|@internationalized/date|marked)(/|$)'

module.exports = {
  forbidden: [
    forbid('no-cycles', 'Two files that need each other are one subject, or want a third.', {}, { circular: true }),
    forbid('everything-is-found', 'An import that leads nowhere.', {}, { couldNotResolve: true }),
    forbid(
      'no-undeclared-packages',
      'Every package that is imported is named in package.json.',
      {},
      { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] }
    ),
    forbid(
      'no-development-packages',
      'What these processes import is a dependency, so that a package has it.',
      { path: '^src-main/(contract|engine|model-host|cli)/|^native/[^/]+\\.ts$' },
      { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] }
    ),
    forbid(
      'no-orphans',
      'A file that nothing imports and that is no entry is left over.',
      { orphan: true, pathNot: '\\.d\\.ts$|^src-main/preload\\.ts$|^native/setup/package-(modules-ready|unpacked)\\.mjs$' },
      {}
    ),
    {
      name: 'reachable-from-an-entry',
      comment: 'Every file of the program is reached from a process\'s entry: no code that only tests use.',
      severity: 'error',
      from: { path: '^src-main/(app/main|engine/main|model-host/main|cli/main|preload)\\.ts$|^src-renderer/main\\.ts$' },
      to: { path: '^(src-main|src-renderer)/|^native/[^/]+\\.ts$', pathNot: '\\.d\\.ts$|^src-main/(app/main|engine/main|model-host/main|cli/main|preload)\\.ts$|^src-renderer/main\\.ts$', reachable: false }
    },

    forbid('contract-is-pure', 'The contract imports zod and itself: it is the same in every process.', { path: '^src-main/contract/' }, { pathNot: '^src-main/contract/|(^|/)node_modules/zod/' }),

    forbid('engine-below-app-and-cli', 'The engine knows neither window nor terminal.', { path: '^src-main/engine/' }, { path: '^src-main/(app|cli)/|^src-main/preload\\.ts$' }),
    forbid(
      'engine-knows-the-host-by-messages',
      'The model host is another process; the engine has its message contract only.',
      { path: '^src-main/engine/' },
      { path: '^src-main/model-host/', pathNot: '^src-main/model-host/messages/' }
    ),
    forbid(
      'messages-are-types',
      'Of the message contract the engine takes the types; no code of the host is bundled into it.',
      { path: '^src-main/engine/' },
      { path: '^src-main/model-host/', dependencyTypesNot: ['type-only'] }
    ),
    forbid(
      'model-host-stands-alone',
      'The model host imports native/, the contract and its own files.',
      { path: '^src-main/model-host/' },
      { path: '^(src-main|src-renderer|native)/', pathNot: '^src-main/(model-host|contract)/|^native/[^/]+\\.ts$' }
    ),
    forbid('cli-below-nothing', 'The terminal imports the engine and the contract.', { path: '^src-main/cli/' }, { path: '^src-main/(app|model-host)/|^native/' }),
    forbid('app-is-thin', 'The app supervises: no terminal, no model host, no addon in it.', { path: '^src-main/(app/|preload\\.ts$)' }, { path: '^src-main/(cli|model-host)/|^native/' }),
    forbid('nothing-imports-app-or-cli', 'app/ and cli/ are ends.', { pathNot: '^src-main/(app|cli)/' }, { path: '^src-main/(app|cli)/|^src-main/preload\\.ts$' }),
    forbid(
      'electron-only-in-app',
      'Everything else runs without a window, on Electron as node.',
      { pathNot: '^src-main/(app/|preload\\.ts$)' },
      { path: '(^|/)node_modules/electron/|^electron$' }
    ),

    forbid(
      'addon-only-in-the-model-host',
      'A crash of native code takes the model host with it and nothing else.',
      { pathNot: '^src-main/model-host/|^native/' },
      { path: '^native/', pathNot: '^native/setup/' }
    ),
    forbid(
      'setup-stays-setup',
      'The set-up serves the checkout; the program shares its cache directory only.',
      { path: '^src-(main|renderer)/|^native/[^/]+\\.ts$' },
      { path: '^native/setup/', pathNot: '^native/setup/cache\\.mjs$' }
    ),
    forbid(
      'cache-directory-only-in-directories',
      'engine/directories.ts is where the program asks for its places.',
      { path: '^src-', pathNot: '^src-main/engine/directories\\.ts$' },
      { path: '^native/setup/cache\\.mjs$' }
    ),
    forbid('native-imports-nothing-above', 'native/ is the lowest layer.', { path: '^native/' }, { path: '^src-' }),
    forbid('setup-has-no-packages', 'The set-up runs before there are any.', { path: '^native/setup/' }, { path: '(^|/)node_modules/' }),

    forbid('nothing-imports-the-renderer', 'The window is an end.', { pathNot: '^src-renderer/' }, { path: '^src-renderer/' }),
    forbid('renderer-knows-the-contract', 'Of the other processes the window knows the contract.', { path: '^src-renderer/' }, { path: '^(src-main|native)/', pathNot: '^src-main/contract/' }),
    forbid(
      'renderer-takes-types',
      'The engine validates; the window needs the contract\'s types and not zod.',
      { path: '^src-renderer/' },
      { path: '^src-main/', dependencyTypesNot: ['type-only'] }
    ),
    forbid(
      'renderer-has-no-node',
      'The window is sandboxed.',
      { path: '^src-renderer/' },
      { dependencyTypes: ['core'] }
    ),
    forbid('renderer-packages', 'What the window bundles.', { path: '^src-renderer/' }, { path: '(^|/)node_modules/', pathNot: windowPackages }),
    forbid(
      'state-below-stages',
      'State is used by stages and shell, not the other way, and draws nothing: of ui/ it may take plain functions.',
      { path: '^src-renderer/state/' },
      { path: '^src-renderer/(stages|shell)/|\\.svelte$' }
    ),
    forbid('ui-is-general', 'A component knows no stage, no state and no engine.', { path: '^src-renderer/ui/' }, { path: '^src-renderer/(stages|shell|state)/|^src-main/', dependencyTypesNot: ['type-only'] }),
    forbid('stages-know-not-the-shell', 'The shell shows the stages.', { path: '^src-renderer/stages/' }, { path: '^src-renderer/shell/' }),
    forbid('stages-are-apart', 'A stage imports no other stage.', { path: '^src-renderer/stages/([^/]+)/' }, { path: '^src-renderer/stages/[^/]+/', pathNot: '^src-renderer/stages/$1/' })
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^native/(build|llama\\.cpp)/' },
    moduleSystems: ['es6'],
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    // as Vite resolves in the window and Node elsewhere
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['svelte', 'import', 'node', 'default', 'types'], extensions: ['.ts', '.mjs', '.js', '.cjs', '.svelte', '.json'] },
    progress: { type: 'none' }
  }
}
