/** Chart.js with only the parts that are drawn here, in the colours and type of the window. */
import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  ScatterController,
  Ticks,
  Tooltip,
  defaults,
  type ChartOptions
} from 'chart.js'

Chart.register(BarController, BarElement, CategoryScale, LinearScale, LineController, LineElement, LogarithmicScale, PointElement, ScatterController, Tooltip)

// numbers have the same minus in charts as beside them
defaults.scales.linear.ticks.callback = function (value, index, ticks) {
  return Ticks.formatters.numeric.call(this, Number(value), index, ticks).replaceAll('-', '−')
}

const probe = document.createElement('span')
const dark = matchMedia('(prefers-color-scheme: dark)')
/** Each asks the page for its styles anew, some twenty for a chart, while tokens stream. */
const colors = new Map<string, string>()

/** A colour token as a plain colour: light-dark() must be resolved by an element first. */
export function color(token: string, alpha = 1): string {
  const key = `${token} ${alpha} ${dark.matches}`
  const known = colors.get(key)
  if (known !== undefined) return known
  if (!probe.isConnected) document.body.append(probe)
  probe.hidden = true
  probe.style.color = alpha === 1 ? `var(--${token})` : `color-mix(in srgb, var(--${token}) ${100 * alpha}%, transparent)`
  const found = getComputedStyle(probe).color
  colors.set(key, found)
  return found
}

const fontFamily = getComputedStyle(document.documentElement).getPropertyValue('--font')

/** Options that every chart here shares; axis titles name what is drawn, with its unit. */
export function baseOptions(xTitle: string, yTitle: string): ChartOptions {
  const font = { family: fontFamily, size: 11 }
  const axis = (text: string): object => ({
    title: { display: text !== '', text, color: color('ink-2'), font },
    ticks: { color: color('ink-2'), font, maxTicksLimit: 7, maxRotation: 0 },
    grid: { color: color('line'), tickLength: 4 },
    border: { color: color('line-strong') }
  })
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    interaction: { mode: 'nearest', intersect: false },
    plugins: {
      tooltip: {
        animation: false,
        displayColors: false,
        backgroundColor: color('ink'),
        titleColor: color('surface'),
        bodyColor: color('surface'),
        titleFont: font,
        bodyFont: font,
        padding: 8,
        cornerRadius: 6
      }
    },
    scales: { x: axis(xTitle), y: axis(yTitle) }
  }
}
