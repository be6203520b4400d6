// Numbers as people read them.

const DASH = "\u2013";
const MISSING = "\u2014";

/** Digits that a number needs beside its neighbours: 0.945, 12.3, 1,664. */
function number(value) {
  if (value === null || value === undefined) return MISSING;
  const size = Math.abs(value);
  if (size !== 0 && size < 0.0005) return value.toExponential(1);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 3;
  const text = value.toLocaleString("en", {
    maximumFractionDigits: digits,
    minimumFractionDigits: digits < 3 ? 0 : 3,
  });
  return text.replace(/^-(0(\.0+)?)$/, "$1").replace(/^-/, "\u2212");
}

/** A count in short: 850, 1.2k, 3.4M. */
function short(value) {
  if (value === null || value === undefined) return MISSING;
  for (const [limit, unit] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ]) {
    if (Math.abs(value) >= limit) return `${trim(value / limit)}${unit}`;
  }
  return trim(value);
}

const trim = (value) => String(Number(value.toPrecision(3)));

function bytes(value) {
  if (value === null || value === undefined) return MISSING;
  for (const [limit, unit] of [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ]) {
    if (Math.abs(value) >= limit) return `${trim(value / limit)} ${unit}`;
  }
  return `${trim(value)} B`;
}

function duration(value) {
  if (value === null || value === undefined) return MISSING;
  if (value >= 5400) return `${trim(value / 3600)} h`;
  if (value >= 90) return `${trim(value / 60)} min`;
  return `${trim(value)} s`;
}

const percent = (value) =>
  value === null || value === undefined ? MISSING : `${minus(trim(Math.round(value * 1000) / 10))}%`;
const minus = (text) => text.replace(/^-0$/, "0").replace(/^-/, "\u2212");

const FORMATS = { number, count: short, bytes, seconds: duration, share: percent };

/** A value in the format of a measure. */
function formatted(value, format) {
  return (FORMATS[format] || number)(value);
}

/** "0.91 – 0.97", or nothing where there is no interval. */
function interval(low, high, format) {
  if (low === null || low === undefined || high === null || high === undefined) return "";
  return `${formatted(low, format)} ${DASH} ${formatted(high, format)}`;
}

const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

/** "0, 1, 2", "0–9", or "0, 1, … (12)". */
function list(values) {
  const run = values.every((value, i) => i === 0 || value === values[i - 1] + 1);
  if (values.length > 2 && run) return `${values[0]}${DASH}${values.at(-1)}`;
  return values.join(", ");
}

/** Round steps for an axis: at most `count` ticks from low to high. */
function ticks(low, high, count) {
  if (!(high > low)) return [low];
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const places = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) {
    places.push(Number((k * step).toPrecision(12)));
  }
  return places;
}
