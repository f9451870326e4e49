// SVG charts by Apache ECharts, which draws them without a browser.
import { init } from 'echarts';

const WIDTH = 860;
const COLOURS = [
  '#c2410c',
  '#475569',
  '#1d4ed8',
  '#60a5fa',
  '#0f766e',
  '#7c3aed',
  '#a16207',
  '#be185d',
  '#15803d',
  '#94a3b8',
];

/**
 * @param {number} height
 * @param {object} option
 * @returns {string}
 */
function draw(height, option) {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    textStyle: { fontFamily: 'sans-serif' },
    ...option,
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/**
 * @typedef {object} BarGroup
 * @property {string} title
 * @property {{ name: string, value: number, strong: boolean }[]} bars
 */

const BAR = 18;
const GAP = 34;

/**
 * Horizontal bars, a block for each group, all on one scale.
 *
 * @param {string} title
 * @param {string} unit
 * @param {BarGroup[]} groups
 * @returns {string}
 */
export function barChart(title, unit, groups) {
  const longest = Math.max(...groups.flatMap(({ bars }) => bars.map(({ value }) => value)));
  let top = 50;
  const blocks = groups.map((group) => {
    const block = { ...group, top: top + GAP, height: group.bars.length * BAR };
    top = block.top + block.height;
    return block;
  });
  return draw(top + 20, {
    title: [
      { text: title, subtext: unit, left: 10, top: 5, textStyle: { fontSize: 16 } },
      ...blocks.map((block) => ({
        text: block.title,
        left: 10,
        top: block.top - 24,
        textStyle: { fontSize: 12 },
      })),
    ],
    grid: blocks.map((block) => ({ left: 260, right: 70, top: block.top, height: block.height })),
    xAxis: blocks.map((_, gridIndex) => ({ gridIndex, type: 'value', max: longest, show: false })),
    yAxis: blocks.map((block, gridIndex) => ({
      gridIndex,
      type: 'category',
      inverse: true,
      data: block.bars.map(({ name }) => name),
      axisTick: { show: false },
      axisLabel: { fontSize: 11, width: 245, overflow: 'truncate' },
    })),
    series: blocks.map((block, n) => ({
      type: 'bar',
      xAxisIndex: n,
      yAxisIndex: n,
      barWidth: BAR - 5,
      data: block.bars.map(({ value, strong }) => ({
        value,
        itemStyle: { color: strong ? COLOURS[0] : '#94a3b8' },
      })),
      label: {
        show: true,
        position: 'right',
        formatter: (/** @type {{ value: number }} */ { value }) => String(Number(value.toPrecision(3))),
        fontSize: 11,
      },
    })),
  });
}

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {[number, number][]} points
 */

/** @typedef {{ name: string, log: boolean, label?: (value: number) => string }} Axis */

/**
 * @param {string} title
 * @param {Axis} x `label` is for sizes in bytes: their ticks are at powers of four.
 * @param {Axis} y
 * @param {Line[]} lines
 * @returns {string}
 */
export function lineChart(title, x, y, lines) {
  const type = (/** @type {boolean} */ log) => (log ? 'log' : 'value');
  return draw(460, {
    title: { text: title, left: 10, top: 5, textStyle: { fontSize: 16 } },
    legend: { top: 34, left: 10, itemGap: 14 },
    grid: { left: 70, right: 40, top: 100, bottom: 55 },
    xAxis: {
      type: type(x.log),
      name: x.name,
      nameLocation: 'middle',
      nameGap: 32,
      ...(x.label ? { logBase: 4, axisLabel: { formatter: x.label } } : {}),
    },
    yAxis: { type: type(y.log), name: y.name, nameLocation: 'middle', nameGap: 52 },
    series: lines.map(({ name, points }) => ({
      type: 'line',
      name,
      data: points,
      symbolSize: 7,
      lineStyle: { width: 2 },
    })),
  });
}
