// Reads how many tests passed out of the test runners' JSON reports; no report is one failure.

export const crashed = { passed: 0, failed: 1, skipped: 0 }

export function countVitest(report) {
  if (report === null) return crashed
  // A file that cannot be loaded has no tests to fail.
  const unloadable = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0)
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloadable.length,
    skipped: report.numPendingTests + report.numTodoTests
  }
}

export function countPlaywright(report) {
  if (report === null) return crashed
  const { expected, flaky, unexpected, skipped } = report.stats
  // Errors outside of tests: a file that cannot be loaded, a global set-up that failed.
  return { passed: expected + flaky, failed: unexpected + report.errors.length, skipped }
}
