// Numbers for people.
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Decimal units: 60000000 → '60.0 MB'. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${UNITS[unit]}`;
}

export function formatRate(bytes: number, milliseconds: number): string {
  return milliseconds > 0 ? `${formatBytes(Math.round((bytes * 1000) / milliseconds))}/s` : '–';
}

/** '0.31 s', '12 s', '3:07', '2:05:09'. */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const clock = [Math.floor(whole / 60) % 60, whole % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${clock}` : clock.replace(/^0/, '');
}

export function formatCount(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}
