// Plugins: the list, and one version in plain words: what it can do, what is new, where it comes from; and its deployment.

import { Problem, api, may, path } from './api.js';
import { inWords, withConsent } from './consent.js';
import { badge, code, facts, field, h, link, put, run, section, table } from './dom.js';
import { bytes, moment, number, said, t } from './words.js';

const at = (name, version) => `#/plugins/${encodeURIComponent(name)}${version ? `/${encodeURIComponent(version)}` : ''}`;

export async function list(_, { signal }) {
  const all = await api('/api/v1/plugins', { signal });
  const rows = all.map(({ name, version, manifest, size, created_at: published }) =>
    [link(at(name), name), version, badge('kind', manifest.plugin.world), h('span', { class: 'wide' }, manifest.plugin.description), bytes(size), moment(published)]);
  return [
    h('h1', { tabindex: '-1' }, t('plugins')), h('p', { class: 'lead' }, t('plugins-lead')),
    table(t('plugins'), [t('name'), t('version'), t('world'), t('description'), `${t('size')}#`, t('published')], rows, t('no-plugins')),
  ];
}

export async function one([name, wanted], { signal }) {
  const plugin = await api(path`/api/v1/plugins/${name}`, { signal });
  const version = await api(path`/api/v1/plugins/${name}/${wanted ?? plugin.versions[0].version}`, { signal });
  const { permissions, manifest } = version;
  const added = permissions.changes?.added ?? [];
  const isNew = (asked) => added.some((other) => other.grant === asked.grant);
  return [
    h('div', { class: 'head' },
      h('div', {}, h('h1', { tabindex: '-1' }, `${name} ${version.version}`), h('p', { class: 'lead' }, manifest.plugin.description)),
      badge('kind', manifest.plugin.world)),
    h('nav', { class: 'versions', 'aria-label': t('versions') }, plugin.versions.map((other) =>
      h('a', { href: at(name, other.version), 'aria-current': other.version === version.version && 'page' }, other.version,
        Object.entries(plugin.aliases).filter(([, v]) => v === other.version).map(([alias]) => h('small', {}, ` ${alias}`))))),
    h('div', { class: 'columns' },
      section(t('can'), { class: 'card can-do' }, permissions.asks.length === 0 ? h('p', { class: 'none' }, t('can-nothing')) : inWords(permissions.asks, isNew)),
      section(permissions.changes ? t('changes', { version: permissions.changes.since }) : t('versions'), {}, changes(permissions.changes))),
    h('div', { class: 'columns' },
      section(t('cannot'), {}, cannot(permissions.cannot)),
      section(t('supply'), {}, supply(version))),
    may('publish') && section(t('deploy'), { class: 'card deploy' }, await deployForm(version, signal)),
  ];
}

function changes(between) {
  if (!between) return h('p', { class: 'none' }, t('first-version'));
  const { added, removed } = between;
  if (added.length + removed.length === 0) return h('p', { class: 'none' }, t('changes-none'));
  return [added.length > 0 && [h('p', {}, t('changes-added')), inWords(added, () => true)], removed.length > 0 && [h('p', {}, t('changes-removed')), inWords(removed)]];
}

function cannot(all) {
  const sorted = [...all].sort((a, b) => Number(b.never) - Number(a.never));
  return h('ul', { class: 'cannot' }, sorted.map((one) => h('li', {}, said(one), ' ', h('small', { class: one.never ? 'never' : 'soft' }, t(one.never ? 'never' : 'not-asked')))));
}

function supply({ digest, size, manifest, created_at: published, created_by: by, origin, supply: from }) {
  const signer = ({ key, trusted_as: known }) => h('div', {}, badge(known ? 'good' : 'warn', known ? t('trusted-as', { name: known }) : t('not-trusted')), ' ', code(key));
  const signed = from.broken ? [badge('bad', t('broken')), h('p', {}, from.broken)] : from.signers.length > 0 ? from.signers.map(signer) : badge('idle', t('unsigned'));
  const tools = Object.values(from.sections).flat().filter((tool) => typeof tool === 'string');
  return facts([
    [t('digest'), code(digest)], [t('signatures'), signed], [t('sbom'), document_(from.sbom)], [t('provenance'), document_(from.provenance)],
    [t('toolchain'), tools.join(', ')], [t('size'), bytes(size)], [t('license'), manifest.plugin.license], [t('origin'), origin],
    [t('published'), h('span', {}, moment(published), ' ', code(by))],
  ]);
}

/** What is shown of a document: its members, whatever they are, as text. */
function document_(kept) {
  if (!kept) return t('none');
  const about = Object.entries(kept.about).filter(([, value]) => value !== null && value !== '');
  const text = (value) => (typeof value === 'object' ? JSON.stringify(value) : String(value));
  return h('div', {}, about.map(([name, value]) => h('div', {}, h('small', {}, `${name}: `), text(value))), code(kept.digest));
}

/** A form that deploys a version: to a function of the plugin, or a new one; to all calls or a share of them. */
async function deployForm(version, signal) {
  const all = await api('/api/v1/functions', { signal });
  const own = all.filter(({ spec }) => spec.plugin === version.name);
  const to = h('select', { onchange: chosen }, own.map(({ spec }) => h('option', { value: spec.name }, spec.name)), h('option', { value: '' }, t('new-function')));
  const name = h('input', { type: 'text', spellcheck: 'false', autocomplete: 'off' });
  name.value = all.some(({ spec }) => spec.name === version.name) ? '' : version.name;
  const share = h('select', {}, h('option', { value: '' }, t('every-call')),
    [5, 10, 25, 50].map((percent) => h('option', { value: String(percent) }, t('trial-share', { percent: number(percent) }))));
  const why = h('input', { type: 'text', maxlength: '500' });
  const config = Object.entries(version.manifest.config).map(([key, { description, default: usual, secret }]) => {
    const hints = { autocomplete: 'off', spellcheck: 'false', placeholder: usual ? t('config-default', { value: usual }) : '' };
    // A value may have several lines, which a field of one line would take away.
    const input = secret ? h('input', { type: 'password', ...hints }) : h('textarea', { rows: '1', ...hints });
    return { key, input, field: field(key, input, description) };
  });
  const newName = field(t('new-name'), name);
  const shares = field(t('which-share'), share);
  const place = h('div', { 'aria-live': 'polite' });
  const button = h('button', { type: 'submit', class: 'primary' }, t('deploy'));
  function chosen() {
    const current = own.find(({ spec }) => spec.name === to.value)?.spec;
    newName.hidden = Boolean(current);
    shares.hidden = !current;
    for (const { key, input } of config) input.value = current?.config[key] ?? '';
  }
  chosen();
  async function deploy() {
    const current = own.find(({ spec }) => spec.name === to.value)?.spec;
    const function_ = current ? to.value : name.value.trim();
    const set = config.filter(({ key, input }) => input.value !== '' || current?.config[key] === '');
    const spec = plan(current, version, current && share.value ? Number(share.value) : null);
    // What this version does not declare is there for the others.
    const others = Object.entries(spec.config ?? {}).filter(([key]) => !Object.hasOwn(version.manifest.config, key));
    const values = Object.fromEntries([...others, ...set.map(({ key, input }) => [key, input.value])]);
    const { asks } = version.permissions;
    const revision = await withConsent(function_, asks, (allowed) => {
      const grants = { ...spec.grants };
      for (const [kind, names] of Object.entries(allowed)) grants[kind] = [...(grants[kind] ?? []), ...names];
      return api(path`/api/v1/functions/${function_}`, { method: 'PUT', body: { ...spec, config: values, grants, reason: why.value.trim() } });
    });
    put(place, revision
      ? h('p', { class: 'notice good' }, t('deployed', { name: function_, revision: revision.revision }), ' ', link(`#/functions/${encodeURIComponent(function_)}`, t('see-function')))
      : h('p', { class: 'notice' }, t('not-deployed')));
  }
  return h('form', { onsubmit: (event) => { event.preventDefault(); run(button, deploy, place); } },
    h('p', { class: 'lead' }, t('deploy-lead')),
    h('div', { class: 'row' }, field(t('deploy-to'), to), newName, shares),
    config.length > 0 && h('details', {}, h('summary', {}, t('config')), config.map((entry) => entry.field)),
    field(t('why'), why), button, place);
}

/** What is deployed next: what the function has stays, as far as this version has a use for it. */
function plan(current, version, percent) {
  const base = { plugin: version.name, limits: current?.limits ?? {}, debug: current?.debug ?? {} };
  if (percent === null) {
    const grants = Object.entries(current?.grants ?? {}).map(([kind, names]) => [kind, names.filter((name) => version.permissions.asks.some((asked) => asked.kind === kind && meet(asked.name, name)))]);
    return { ...base, targets: [{ version: version.version, percent: 100 }], grants: Object.fromEntries(grants) };
  }
  const targets = current.targets.map((target) => ({ ...target }));
  const largest = targets.reduce((a, b) => (b.percent > a.percent ? b : a));
  if (current.rollout?.candidate || largest.percent <= percent || targets.some((target) => target.version === version.version)) {
    throw new Problem(0, { title: t('trial-not-now'), detail: t('trial-not-now-detail') });
  }
  largest.percent -= percent;
  return {
    ...base, targets: [...targets, { version: version.version, percent }], config: current.config, grants: structuredClone(current.grants),
    rollout: { ...current.rollout, candidate: version.version },
  };
}

/** Whether two names may mean the same: a pattern and what it covers. Where this errs the host refuses, or asks for consent. */
function meet(a, b) {
  const covers = (pattern, name) => {
    if (pattern === name || name.startsWith(`${pattern}@`)) return true;
    const [before, after, ...more] = pattern.split('*');
    return after !== undefined && more.length === 0 && name.startsWith(before) && name.endsWith(after);
  };
  return covers(a, b) || covers(b, a);
}
