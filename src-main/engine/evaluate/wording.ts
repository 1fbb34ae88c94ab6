/** Figures as reports, terminal and alarms print them. */

export function decimal(value: number | null, absent = '-'): string {
  return value === null ? absent : value.toFixed(3)
}

export function signed(value: number | null): string {
  return value === null ? '-' : `${value < 0 ? '' : '+'}${value.toFixed(3)}`
}

/** Of a test, as papers print it. */
export function probability(p: number | null): string {
  if (p === null) return '-'
  return p < 0.001 ? '< 0.001' : p.toFixed(3)
}

/** Whether an interval excludes 0, in words. */
export function verdict({ low, high }: { low: number | null; high: number | null }): string {
  if (low === null || high === null) return 'not measured'
  if (low > 0) return 'higher'
  return high < 0 ? 'lower' : 'no clear difference'
}
