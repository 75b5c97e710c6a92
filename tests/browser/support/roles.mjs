// Elements by role and name, which the browser's own accessibility tells. Firefox is slow in it: it looks at each element
// below where it searches, and draws the page anew for each that has no role. Of a long page that takes half a second. So
// it is asked about those alone that can have the role.

/** Where elements of a role are looked for; the browser says which role and name they have. */
export const CANDIDATES = {
  alert: '[role="alert"]',
  button: 'button, input, [role="button"]',
  checkbox: 'input, [role="checkbox"]',
  dialog: 'dialog, [role="dialog"]',
  heading: 'h1, h2, h3, h4, h5, h6, [role="heading"]',
  image: 'img, [role="img"], [role="image"]',
  link: 'a, [role="link"]',
  list: 'ul, ol, menu, [role="list"]',
  log: '[role="log"]',
  navigation: 'nav, [role="navigation"]',
  separator: 'hr, [role="separator"]',
  status: 'output, [role="status"]',
  textbox: 'input, textarea, [contenteditable], [role="textbox"]',
};

const aria = (role, name) => (name === undefined ? `::-p-aria([role="${role}"])` : `::-p-aria([name="${name}"][role="${role}"])`);

/** The frame of a page or of an element that speaks WebDriver BiDi, as Firefox does; null for others. */
function bidiFrame(within) {
  const frame = within.mainFrame?.() ?? within.frame;
  return frame?.browsingContext === undefined ? null : frame;
}

async function located(frame, within, role, name) {
  if (!(role in CANDIDATES)) throw new Error(`no candidates for the role ${role}`);
  const from = within.remoteValue === undefined ? [] : [within.remoteValue()];
  const candidates = await frame.browsingContext.locateNodes({ type: 'css', value: CANDIDATES[role] }, from);
  if (candidates.length === 0) return [];
  const nodes = await frame.browsingContext.locateNodes({ type: 'accessibility', value: name === undefined ? { role } : { role, name } }, candidates);
  // One that lies in another candidate is found in both.
  const byId = new Map(nodes.map((node) => [node.sharedId, node]));
  return [...byId.values()].map((node) => frame.mainRealm().createHandle(node));
}

/** All elements of a role and, where it has to be a certain one, of a name. */
export async function allOf(within, role, name) {
  const frame = bidiFrame(within);
  return frame === null ? within.$$(aria(role, name)) : located(frame, within, role, name);
}

/** The first of them, or null. */
export async function firstOf(within, role, name) {
  const frame = bidiFrame(within);
  return frame === null ? within.$(aria(role, name)) : (await located(frame, within, role, name))[0] ?? null;
}
