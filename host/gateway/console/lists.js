// What is read and not changed here: models, datasets, triggers with their dead letters, usage with its quotas, the audit log.

import { api, path } from './api.js';
import { badge, bar, code, facts, h, link, put, rich, section, table } from './dom.js';
import { bytes, duration, known, moment, number, t } from './words.js';

const DAYS = 30;
const ENTRIES = 50;

const heading = (title, lead) => [h('h1', { tabindex: '-1' }, title), lead && h('p', { class: 'lead' }, lead)];
const at = (kind, name) => `#/${kind}/${encodeURIComponent(name)}`;
const total = (all, figure) => all.reduce((sum, one) => sum + one[figure], 0);

// --- models

const weights = ({ files }) => Object.values(files).reduce((sum, file) => sum + file.size, 0);

export async function models(_, { signal }) {
  const all = await api('/api/v1/models', { signal });
  const rows = all.map((m) => [link(at('models', m.name), m.name), m.version, badge('kind', m.config.task), Object.keys(m.variants).join(', ') || '–', bytes(weights(m)), h('span', { class: 'wide' }, m.config.description ?? ''), moment(m.created_at)]);
  return [heading(t('models'), t('models-lead')),
    table(t('models'), [t('name'), t('version'), t('task'), t('variants'), `${t('size')}#`, t('description'), t('published')], rows)];
}

export async function model([name], { signal }) {
  const { versions, aliases } = await api(path`/api/v1/models/${name}`, { signal });
  const deployment = await api(path`/api/v1/models/${name}/deployment`, { signal }).catch((error) => {
    if (error.status === 404) return null;
    throw error;
  });
  const target = (one) => one && `${one.version}${one.variant ? `~${one.variant}` : ''}${one.percent ? ` · ${one.percent} %` : ''}`;
  const spec = deployment?.spec;
  const rows = versions.map((v) => [v.version, Object.keys(v.variants).join(', ') || '–', bytes(weights(v)), Object.entries(v.lineage).filter(([, from]) => from).map(([kind, from]) => `${kind} ${from}`).join(', ') || '–', moment(v.created_at)]);
  return [heading(name, versions[0]?.config.description),
    section(t('deployment'), {}, spec ? facts([[t('stable'), target(spec.stable)], [t('candidate'), target(spec.candidate)], [t('shadow'), target(spec.shadow)],
      [t('revision'), String(deployment.revision)], [t('reason'), deployment.reason], [t('time'), moment(deployment.created_at)]]) : h('p', { class: 'none' }, t('not-deployed-model')),
    facts([[t('aliases'), Object.entries(aliases).map(([alias, version]) => `${alias} = ${version}`).join(', ')]])),
    section(t('versions'), {}, table(t('versions'), [t('version'), t('variants'), `${t('size')}#`, t('lineage'), t('published')], rows))];
}

// --- datasets

export async function datasets(_, { signal }) {
  const all = await api('/api/v1/datasets', { signal });
  const rows = all.map((s) => [link(at('datasets', s.name), s.name), String(s.snapshot), number(s.rows), bytes(s.file.size), moment(s.created_at)]);
  return [heading(t('datasets'), t('datasets-lead')),
    table(t('datasets'), [t('dataset'), t('snapshot'), `${t('rows')}#`, `${t('size')}#`, t('time')], rows)];
}

export async function dataset([name], { signal }) {
  const snapshots = await api(path`/api/v1/datasets/${name}`, { signal });
  const lineage = (from) => h('details', {}, h('summary', {}, typeof from.from === 'string' ? from.from : t('uploaded')), h('pre', { tabindex: '0' }, JSON.stringify(from, null, 2)));
  const rows = snapshots.map((s) => [`${s.name}@${s.snapshot}`, number(s.rows), bytes(s.file.size), lineage(s.lineage), code(s.file.digest), moment(s.created_at)]);
  return [heading(name, t('datasets-lead')),
    table(t('datasets'), [t('snapshot'), `${t('rows')}#`, `${t('size')}#`, t('lineage'), t('digest'), t('time')], rows)];
}

// --- triggers

/** What a trigger waits for, in one line. */
function on({ kind, spec }) {
  const { events, cron, webhook, http } = spec.on;
  if (events) return [events.types, events.subject].filter(Boolean).join(' · ');
  if (cron) return [cron.schedule, cron.zone].filter(Boolean).join(' · ');
  if (webhook) return [webhook.scheme, webhook.event_type].filter(Boolean).join(' · ');
  return http ? http.paths.join(', ') : kind;
}

export async function triggers(_, { signal }) {
  const all = await api('/api/v1/triggers', { signal });
  const rows = all.map((trigger) => [
    link(at('triggers', trigger.name), trigger.name), badge('kind', trigger.kind), code(on(trigger)), link(at('functions', trigger.spec.function), trigger.spec.function),
    number(trigger.delivered), number(trigger.waiting), trigger.dead > 0 ? badge('bad', number(trigger.dead)) : '0',
    trigger.spec.enabled === false ? badge('idle', t('off')) : badge('good', t('enabled'))]);
  return [heading(t('triggers'), t('triggers-lead')),
    table(t('triggers'), [t('name'), t('kind'), t('on'), t('function'), `${t('delivered')}#`, `${t('waiting')}#`, `${t('dead')}#`, t('state')], rows)];
}

export async function trigger([name], { signal }) {
  const [one, letters] = await Promise.all([path`/api/v1/triggers/${name}`, path`/api/v1/triggers/${name}/dead`].map((where) => api(where, { signal })));
  const rows = letters.map((letter) => [String(letter.seq), h('details', {}, h('summary', {}, letter.event.type), h('pre', { tabindex: '0' }, JSON.stringify(letter.event, null, 2))), String(letter.attempts), letter.error, moment(letter.died_at)]);
  return [heading(name, t('triggers-lead')),
    section(t('state'), {}, facts([[t('kind'), one.kind], [t('on'), code(on(one))], [t('function'), link(at('functions', one.spec.function), one.spec.function)],
      [t('delivered'), number(one.delivered)], [t('waiting'), number(one.waiting)], [t('attempts'), number(one.attempts)], [t('dead'), number(one.dead)],
      [t('next-at'), one.next_at && moment(one.next_at)]])),
    section(t('dead-letters'), {}, h('p', { class: 'lead' }, rich(t('dead-lead'))),
      table(t('dead-letters'), [t('number'), t('event'), `${t('attempts')}#`, t('error'), t('time')], rows, t('no-dead')))];
}

// --- usage

export async function usage(_, { signal }) {
  const since = new Date(Date.now() - DAYS * 86_400_000).toISOString();
  const [used, quotas] = await Promise.all(['/api/v1/usage?by=day&since=' + encodeURIComponent(since), '/api/v1/quotas'].map((where) => api(where, { signal })));
  const names = [...new Set(used.map((u) => u.function))].sort();
  const rows = names.map((name) => {
    const own = used.filter((u) => u.function === name);
    return [link(at('functions', name), name), number(total(own, 'calls')), number(total(own, 'errors')), duration(total(own, 'wall_us')), duration(total(own, 'cpu_us')),
      number(total(own, 'inference_texts')), bytes(total(own, 'bytes_in')), bytes(total(own, 'bytes_out'))];
  });
  const titles = [t('function'), `${t('calls')}#`, `${t('errors')}#`, `${t('took')}#`, `${t('computed')}#`, `${t('texts')}#`, `${t('received')}#`, `${t('sent')}#`];
  return [heading(t('usage'), t('usage-lead')),
    section(t('quotas'), {}, h('div', { class: 'quotas' }, quotas.map(quota))),
    section(t('by-day'), {}, days(used)),
    section(t('by-function'), {}, table(t('by-function'), titles, rows))];
}

function quota({ kind, limit, used }) {
  const title = known(`quota-${kind}`) ? t(`quota-${kind}`) : kind;
  const say = kind.endsWith('-bytes') ? bytes : (n) => number(n);
  const share = limit ? Math.min(100, (used / limit) * 100) : 0;
  const text = limit === null ? t('no-limit') : t('of', { limit: say(limit) });
  return h('div', { class: 'quota' }, h('span', {}, title), h('div', {}, h('strong', {}, say(used)), ' ', h('small', {}, text)),
    limit !== null && bar([{ share, kind: share >= 90 ? 'full' : 'share-0' }], `${say(used)} ${text}`));
}

/** The calls of each day, as columns. */
function days(used) {
  const today = Math.floor(Date.now() / 86_400_000);
  const calls = Array.from({ length: DAYS }, (_, i) => total(used.filter((u) => Math.floor(u.minute / 86_400) === today - DAYS + 1 + i), 'calls'));
  const most = Math.max(1, ...calls);
  const columns = calls.map((n, i) => {
    const day = new Date((today - DAYS + 1 + i) * 86_400_000).toISOString().slice(0, 10);
    const column = h('span', { title: `${day}: ${number(n)}` });
    column.style.setProperty('--share', String((n / most) * 100));
    return column;
  });
  return h('div', { class: 'days', role: 'img', 'aria-label': `${t('by-day')}: ${number(calls.reduce((a, b) => a + b, 0))}` }, columns);
}

// --- the audit log

export async function audit(_, { signal }) {
  const place = h('div', {});
  async function show(before) {
    const entries = await api(`/api/v1/audit?limit=${ENTRIES}${before ? `&before=${before}` : ''}`, { signal });
    const rows = entries.map((e) => [String(e.number), moment(e.at), code(e.principal), h('span', {}, e.action, h('br'), h('small', {}, e.target)),
      e.outcome === 'done' ? badge('good', t('done')) : badge('warn', e.outcome), h('code', { title: e.hash }, e.hash.slice(0, 12))]);
    put(place, table(t('audit'), [t('number'), t('time'), t('who'), t('what'), t('outcome'), t('digest')], rows),
      h('div', { class: 'buttons' },
        before && h('button', { type: 'button', onclick: () => show() }, t('newest')),
        entries.length === ENTRIES && h('button', { type: 'button', onclick: () => show(entries.at(-1).number) }, t('older'))));
  }
  await show();
  return [heading(t('audit'), t('audit-lead')), place];
}
