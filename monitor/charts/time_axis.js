/** Where a time axis has its marks, and what they say: in the clock of who looks. */

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;
const STEPS = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 7, 14, 28, 56, 112].map((days) => days * DAY),
];
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const second = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/**
 * Up to `most` round times in a range.
 *
 * @param {number} from Unix seconds, as all here.
 * @param {number} to
 * @param {number} most
 * @returns {number[]}
 */
export function timeTicks(from, to, most) {
  const step = STEPS.find((step) => (to - from) / step <= most) ?? STEPS[STEPS.length - 1];
  const offset = -new Date(from * 1000).getTimezoneOffset() * MINUTE;
  const ticks = [];
  for (let at = Math.ceil((from + offset) / step) * step - offset; at <= to; at += step) {
    ticks.push(at);
  }
  return ticks;
}

/**
 * @param {number} at
 * @param {number} range What the axis is long.
 */
export function timeLabel(at, range) {
  const date = new Date(at * 1000);
  if (range > 3 * DAY) {
    return day.format(date);
  }
  if (range <= 10 * MINUTE) {
    return second.format(date);
  }
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
  return isMidnight ? day.format(date) : clock.format(date);
}
