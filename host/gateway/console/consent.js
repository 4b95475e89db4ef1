// Consent: what would give a function more than it has is refused by the API with exactly what is new. Here that is shown, and
// sent again only once somebody has allowed it.

import { ask, badge, h } from './dom.js';
import { said, t } from './words.js';

/** What a refusal names as new, in words; nothing where it was refused for another reason. */
function whatIsNew(problem, asks) {
  if (problem.code !== 'grant-missing') return [];
  // One permission is named by its option alone; what it means is among what the version asks for.
  return problem.body.added ?? asks.filter((asked) => asked.grant === problem.body.grant);
}

/** Permissions one by one, as something to read. */
export function inWords(permissions, isNew = () => false) {
  return h('ul', { class: 'can' }, permissions.map((asked) => h('li', {},
    said(asked), ' ', isNew(asked) && badge('new', t('new')), h('code', { class: 'soft' }, `${asked.kind}=${asked.name}`))));
}

/** Grants with these beside them. */
function beside(grants, permissions) {
  const all = structuredClone(grants);
  for (const { kind, name } of permissions) all[kind] = [...(all[kind] ?? []), name];
  return all;
}

/**
 * Makes a change by `send(grants)`, where `grants` begins with nothing and grows by what was allowed. `asks` is what the versions
 * ask for. Resolves to the answer, or to null where somebody did not allow what is new.
 */
export async function withConsent(name, asks, send) {
  let allowed = {};
  for (;;) {
    try {
      return await send(allowed);
    } catch (problem) {
      const added = whatIsNew(problem, asks).filter(({ kind, name: what }) => !allowed[kind]?.includes(what));
      if (added.length === 0) throw problem;
      const body = [h('p', {}, t('consent-lead')), inWords(added, () => true)];
      if (!await ask({ title: t('consent-title', { name }), body, yes: t('consent-yes'), agree: t('consent-agree') })) return null;
      allowed = beside(allowed, added);
    }
  }
}
