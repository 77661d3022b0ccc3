/** Numbers, times and durations as people read them. */

const UNITS = /** @type {const} */ ([
  ["d", 86_400, "day"],
  ["h", 3_600, "hour"],
  ["min", 60, "minute"],
  ["s", 1, "second"],
]);
const NEVER = -62_135_596_800_000;
const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** @param {number | null | undefined} value `12,345` */
export const count = (value) => (isNumber(value) ? whole.format(value) : "–");

/** @param {number | null | undefined} value `12.3K` */
export const compact = (value) => (isNumber(value) ? short.format(value) : "–");

/** @param {number | null | undefined} value @param {number} [digits] `0.123` */
export const decimal = (value, digits = 3) => (isNumber(value) ? value.toFixed(digits) : "–");

/** @param {number | null | undefined} value From 0 to 1. @param {number} [digits] `12.3 %` */
export const percent = (value, digits = 1) =>
  isNumber(value) ? `${(value * 100).toFixed(digits)} %` : "–";

/** @param {number | null | undefined} value @param {number | null | undefined} halfWidth `0.123 ± 0.010` */
export const withInterval = (value, halfWidth) =>
  isNumber(value) && isNumber(halfWidth)
    ? `${decimal(value)} ± ${decimal(halfWidth)}`
    : decimal(value);

/** @param {string | number | Date | null | undefined} when An ISO text, or milliseconds. */
export const dateTime = (when) => (isMoment(when) ? moment.format(new Date(when)) : "–");

/** @param {string | number | Date | null | undefined} when */
export const date = (when) => (isMoment(when) ? day.format(new Date(when)) : "–");

/**
 * How long ago, or until when: `3 min ago`, `in 20 s`.
 *
 * @param {string | number | null | undefined} when
 * @param {number} [now] Milliseconds.
 */
export function ago(when, now = Date.now()) {
  if (!isMoment(when)) {
    return "never";
  }
  const seconds = (now - new Date(when).getTime()) / 1000;
  if (Math.abs(seconds) < 1) {
    return "now";
  }
  return seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
}

/**
 * A time span by its largest unit: `3 min`, `1.5 d`.
 *
 * @param {number} seconds
 */
export function span(seconds) {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? UNITS[3];
  const value = seconds / size;
  return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} ${unit}`;
}

/**
 * The seconds of a duration as the API writes it, or as .NET does; null for what is none.
 *
 * @param {string} text `PT15S`, `P28D`, `00:00:15` or `1.00:00:00`.
 * @returns {number | null}
 */
export function parseDuration(text) {
  const iso =
    /^P(?=.)(?:([\d.]+)W)?(?:([\d.]+)D)?(?:T(?=.)(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$/i.exec(
      text.trim(),
    );
  const clock = /^(?:(\d+)\.)?(\d+):(\d\d):(\d\d(?:\.\d+)?)$/.exec(text.trim());
  const parts = iso
    ? [Number(iso[1] ?? 0) * 7 + Number(iso[2] ?? 0), iso[3], iso[4], iso[5]]
    : clock?.slice(1);
  if (!parts) {
    return null;
  }
  const [days, hours, minutes, seconds] = parts.map((part) => Number(part ?? 0));
  const total = days * 86_400 + hours * 3_600 + minutes * 60 + seconds;
  return Number.isFinite(total) ? total : null;
}

/**
 * A duration in the units that say it whole: `10 minutes`, `1 day 12 hours`.
 *
 * @param {number | string | null} duration Seconds, or as the API writes it.
 */
export function duration(duration) {
  let rest = typeof duration === "string" ? parseDuration(duration) : duration;
  if (rest === null) {
    return String(duration);
  }
  const parts = [];
  for (const [, size, name] of UNITS) {
    const value = size === 1 ? Number(rest.toFixed(3)) : Math.floor(rest / size);
    rest -= value * size;
    if (value) {
      parts.push(`${value} ${name}${value === 1 ? "" : "s"}`);
    }
  }
  return parts.join(" ") || "0 seconds";
}

/** @param {unknown} value @returns {value is number} */
function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** @param {unknown} when @returns {when is string | number | Date} The year 1 stands for never. */
function isMoment(when) {
  if (when === null || when === undefined || when === "") {
    return false;
  }
  const time = new Date(/** @type {string} */ (when)).getTime();
  return Number.isFinite(time) && time > NEVER;
}
