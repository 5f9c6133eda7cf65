/** The draws that tests run on, at instants relative to now. */
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** @typedef {Record<string, unknown> & { slug: string }} Draw */

/** @param {number} ms */
export const at = (ms) => new Date(Date.now() + ms);

/**
 * Asks for everything and has every kind of rule.
 * @param {Record<string, unknown>} changes
 * @returns {Draw}
 */
export function garden(changes = {}) {
  return {
    slug: "garden",
    title: "Garden Evening",
    description: "Two evenings in the walled garden.",
    timezone: "Europe/London",
    opens_at: at(-DAY),
    closes_at: at(7 * DAY),
    draws_at: at(8 * DAY),
    terms_url: "https://example.org/terms",
    privacy_url: "https://example.org/privacy",
    contact: "garden@example.org",
    min_age: 16,
    countries: ["GB", "IE"],
    postcode: "required",
    phone: "required",
    one_per_phone: true,
    categories: [
      { id: "general", label: "General", max_party: 4 },
      { id: "family", label: "Family", min_party: 2, max_party: 6 },
      { id: "member", label: "Members", max_party: 2, member_id: "M######" },
    ],
    sessions: [
      { id: "sat-evening", label: "Saturday evening", excludes: ["family"] },
      { id: "sun-matinee", label: "Sunday matinee" },
    ],
    ...changes,
  };
}

/**
 * Asks for a name, an email address and consent, and nothing else.
 * @param {Record<string, unknown>} changes
 * @returns {Draw}
 */
export function simple(changes = {}) {
  return {
    slug: "simple",
    title: "Lighthouse Tour",
    description: "One evening when the lamp is lit.",
    timezone: "Europe/Dublin",
    opens_at: at(-DAY),
    closes_at: at(7 * DAY),
    phone: "off",
    date_of_birth: "off",
    country: "off",
    postcode: "off",
    ...changes,
  };
}

/**
 * Opens so many milliseconds from now.
 * @param {number} ms
 * @param {Record<string, unknown>} changes
 */
export const opening = (ms, changes = {}) =>
  simple({ slug: "opening", title: "Winter Market", opens_at: at(ms), ...changes });

/** Closed yesterday. */
export const closed = () =>
  simple({ slug: "closed", title: "Spring Run", opens_at: at(-9 * DAY), closes_at: at(-DAY), draws_at: at(DAY) });
