// @ts-check
/**
 * A form out of the settings that the server describes: what a person typed becomes values, or problems. No DOM here.
 */

/**
 * @typedef {import("./types.d.ts").Setting} Setting
 * @typedef {{value: unknown, problem: null} | {value: undefined, problem: string}} Read
 */

/** The settings that most people want to look at, in the order in which they are asked for. */
const BASIC = ["objective", "epochs", "learning_rate", "batch", "lora_rank", "seed"];

/**
 * @param {Setting[]} settings
 * @returns {{basic: Setting[], topics: {topic: string, settings: Setting[]}[]}} the rest by topic, each in its first place
 */
export function grouped(settings) {
  const basic = BASIC.flatMap((name) => settings.filter((setting) => setting.name === name));
  /** @type {Map<string, Setting[]>} */
  const topics = new Map();
  for (const setting of settings) {
    if (basic.includes(setting)) continue;
    topics.set(setting.topic, [...(topics.get(setting.topic) ?? []), setting]);
  }
  return { basic, topics: [...topics].map(([topic, members]) => ({ topic, settings: members })) };
}

/**
 * A setting's name as a label: "Learning rate".
 * @param {string} name
 */
export function named(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * What stands in a field, as a value. An empty field is the default.
 * @param {Setting} setting
 * @param {string | boolean} given
 * @returns {Read}
 */
export function read(setting, given) {
  if (typeof given === "boolean") return { value: given, problem: null };
  const text = given.trim();
  if (text === "") return { value: setting.default, problem: null };
  if (setting.type === "number" || setting.type === "integer") return readNumber(setting, text);
  if (setting.type === "other") return readOther(setting, text);
  return { value: text, problem: null };
}

/**
 * @param {Setting} setting
 * @param {string} text
 * @returns {Read}
 */
function readNumber(setting, text) {
  const value = Number(text.replace(",", "."));
  if (!Number.isFinite(value)) return { value: undefined, problem: `"${text}" is no number` };
  if (setting.type === "integer" && !Number.isInteger(value)) return { value: undefined, problem: "a whole number is needed" };
  if (setting.minimum !== null && value < setting.minimum) return { value: undefined, problem: `at least ${setting.minimum}` };
  if (setting.maximum !== null && value > setting.maximum) return { value: undefined, problem: `at most ${setting.maximum}` };
  return { value, problem: null };
}

/**
 * A list of names, or `name: value` pairs, separated by commas: as the default is one or the other.
 * @param {Setting} setting
 * @param {string} text
 * @returns {Read}
 */
function readOther(setting, text) {
  const parts = text.split(",").map((part) => part.trim()).filter(Boolean);
  if (Array.isArray(setting.default)) return { value: parts, problem: null };
  const pairs = parts.map((part) => part.split(/[:=]/).map((side) => side.trim()));
  if (pairs.some((pair) => pair.length !== 2 || !pair[0] || !pair[1])) {
    return { value: undefined, problem: "name: value, separated by commas" };
  }
  return { value: Object.fromEntries(pairs), problem: null };
}

/**
 * A value as it stands in a field.
 * @param {unknown} value
 * @returns {string}
 */
export function written(value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object") return Object.entries(value).map(([name, own]) => `${name}: ${own}`).join(", ");
  if (typeof value === "number" && value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e7)) return value.toExponential();
  return String(value);
}

/**
 * Only what is not as it would be anyway.
 * @param {Setting[]} settings
 * @param {Map<string, unknown>} values
 * @returns {Record<string, unknown>}
 */
export function changed(settings, values) {
  const differs = settings.filter(
    ({ name, default: usual }) => values.has(name) && JSON.stringify(values.get(name)) !== JSON.stringify(usual),
  );
  return Object.fromEntries(differs.map(({ name }) => [name, values.get(name)]));
}
