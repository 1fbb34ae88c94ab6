// Tells electron-builder that the modules in the prepared folder are complete and compiled.
export default () => false
