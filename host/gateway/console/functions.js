// Functions: the list, one function with its rollout, its calls and their logs, and a form to call it.

import { Problem, api, call, may, path, session } from './api.js';
import { withConsent } from './consent.js';
import { action, ask, badge, bar, code, facts, field, h, link, problem, put, run, section, table } from './dom.js';
import { bytes, duration, moment, number, said, t } from './words.js';

/** Rows of the list that are shown, and asked about, at a time. */
const PAGE = 25;
/** Requests for figures that are under way at a time. */
const AT_A_TIME = 4;
/** Milliseconds between two looks at the figures of a function. */
const KEEP_UP = 5000;

/** What callers of a kind of function send; a JSON object is a start for the others. */
const EXAMPLE = '{"batch": [{"id": "1", "text": "ｈｅｌｌｏ <b>world</b>"}]}';

const at = (name) => `#/functions/${encodeURIComponent(name)}`;

/** The versions of a deployment with their shares, drawn and written. */
function split({ targets, rollout }) {
  const kind = (target, i) => (target.version === rollout?.candidate ? 'candidate' : `share-${i % 3}`);
  const text = targets.map((target) => `${target.version} ${target.percent} %`).join(', ');
  return h('div', { class: 'split' },
    targets.length > 1 && bar(targets.map((target, i) => ({ share: target.percent, kind: kind(target, i) })), text),
    h('span', {}, targets.length > 1 ? text : targets[0]?.version));
}

function sum(stats, figure) {
  return stats.reduce((all, version) => all + version[figure], 0);
}

/** How a function does, by the share of its calls that failed. */
function health(stats, candidate) {
  const [calls, errors] = [sum(stats, 'calls'), sum(stats, 'errors')];
  const state = calls === 0 ? ['idle', 'idle'] : errors === 0 ? ['good', 'healthy'] : errors / calls < 0.05 ? ['warn', 'some-errors'] : ['bad', 'failing'];
  return h('span', { class: 'badges' }, badge(state[0], t(state[1])), candidate && badge('trial', t('on-trial')));
}

/** The largest of a percentile over the versions: each version has its own. */
const slowest = (stats, i) => Math.max(0, ...stats.map((version) => version.wall_us[i]));

export async function list(_, { signal }) {
  const all = await api('/api/v1/functions', { signal });
  const filter = h('input', { type: 'search', placeholder: t('filter'), 'aria-label': t('filter'), oninput: () => show(PAGE) });
  const place = h('div', {});
  // A row is made when it is first shown: whoever types into the filter asks for no figures twice.
  const made = new Map();
  function show(most) {
    const found = all.filter(({ spec }) => spec.name.includes(filter.value.trim()));
    const shown = found.slice(0, most);
    const fresh = shown.filter(({ spec }) => !made.has(spec.name))
      .map((revision) => ({ revision, cells: Array.from({ length: 5 }, () => h('span', { class: 'soft' }, '…')) }));
    for (const row of fresh) made.set(row.revision.spec.name, row);
    const titles = [t('name'), t('plugin'), t('split'), `${t('calls')}#`, `${t('errors')}#`, `${t('median')}#`, `${t('p99')}#`, t('state')];
    const rows = shown.map(({ spec }) => {
      const [calls, errors, median, p99, state] = made.get(spec.name).cells;
      return [link(at(spec.name), spec.name), link(`#/plugins/${spec.plugin}`, spec.plugin), split(spec), calls, errors, median, p99, state];
    });
    put(place, table(t('functions'), titles, rows, t('no-functions')),
      found.length > most && h('button', { type: 'button', onclick: () => show(most + PAGE) }, t('more')));
    figures(fresh, signal);
  }
  show(PAGE);
  return [h('div', { class: 'head' }, h('div', {}, h('h1', { tabindex: '-1' }, t('functions')), h('p', { class: 'lead' }, t('functions-lead'))), filter), place];
}

/** Fills in how the functions of these rows do, a few at a time. */
async function figures(rows, signal) {
  const left = [...rows];
  async function next() {
    for (let row = left.shift(); row && !signal.aborted; row = left.shift()) {
      const { spec } = row.revision;
      const [calls, errors, median, p99, state] = row.cells;
      try {
        const stats = await api(path`/api/v1/functions/${spec.name}/stats`, { signal });
        put(calls, number(sum(stats, 'calls')));
        put(errors, number(sum(stats, 'errors')));
        put(median, stats.length > 0 ? duration(slowest(stats, 0)) : '–');
        put(p99, stats.length > 0 ? duration(slowest(stats, 2)) : '–');
        put(state, health(stats, spec.rollout?.candidate));
      } catch (error) {
        if (signal.aborted) return;
        for (const cell of [calls, errors, median, p99]) put(cell, '–');
        put(state, badge('idle', t('unknown')));
      }
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, next));
}

export async function one([name], { signal, again }) {
  const where = path`/api/v1/functions/${name}`;
  const [revision, stats, status, history] = await Promise.all(
    ['', '/stats', '/status', '/history'].map((rest) => api(where + rest, { signal })));
  const { spec } = revision;
  const targets = await Promise.all(spec.targets.map((target) => api(path`/api/v1/plugins/${spec.plugin}/${target.version}`, { signal })));
  const asks = targets.flatMap((version) => version.permissions.asks);
  const [version] = targets;
  const { world } = version.manifest.plugin;
  const numbers = live(spec, stats, where, signal);
  const calls = lastCalls(where, signal);
  const called = () => { numbers.load(); calls.load(); };
  return [
    h('div', { class: 'head' },
      h('div', {}, h('h1', { tabindex: '-1' }, name), h('p', { class: 'lead' }, version.manifest.plugin.description)),
      h('div', { class: 'buttons' }, numbers.health, h('button', { type: 'button', onclick: again }, t('refresh')))),
    numbers.figures,
    section(t('split'), {}, spec.targets.length > 1 && split(spec), numbers.versions, trial(where, name, status, history, again)),
    h('div', { class: 'columns' },
      section(t('granted'), {}, granted(spec, asks),
        facts([[t('plugin'), link(`#/plugins/${spec.plugin}`, spec.plugin)], [t('world'), world],
          [t('route'), code(`/f/${revision.tenant}/${name}`)], [t('revision'), String(revision.revision)]])),
      may('invoke', name) && section(t('call'), { class: 'card call' }, h('p', { class: 'lead' }, t('call-lead')), callForm(() => name, world === 'function', called))),
    calls.section,
    section(t('history'), {}, revisions(where, name, history, again)),
  ];
}

/** The figures of a function, which keep up with it while they are looked at. */
function live(spec, begin, where, signal) {
  const parts = { health: h('span', {}), figures: h('div', { class: 'figures' }), versions: h('div', {}) };
  function show(stats) {
    const none = stats.length === 0;
    const time = (i) => (none ? '–' : duration(slowest(stats, i)));
    const shown = [[t('calls'), number(sum(stats, 'calls'))], [t('errors'), number(sum(stats, 'errors'))], [t('median'), time(0)], [t('p95'), time(1)], [t('p99'), time(2)],
      [t('memory'), none ? '–' : bytes(Math.max(...stats.map((version) => version.memory_bytes)))]];
    put(parts.health, health(stats, spec.rollout?.candidate));
    put(parts.figures, shown.map(([name, value]) => h('div', { class: 'card figure' }, h('span', {}, name), h('strong', {}, value))));
    put(parts.versions, versions(spec, stats));
  }
  // What cannot be read now stays as it was: the next look may succeed.
  const load = () => api(`${where}/stats`, { signal }).then(show, () => {});
  const timer = setInterval(() => { if (!document.hidden) load(); }, KEEP_UP);
  signal.addEventListener('abort', () => clearInterval(timer));
  show(begin);
  return { ...parts, load };
}

function versions(spec, stats) {
  const share = (version) => spec.targets.find((target) => target.version === version)?.percent ?? 0;
  const seen = [...stats, ...spec.targets.filter((target) => !stats.some((s) => s.version === target.version))];
  const titles = [t('version'), `${t('share')}#`, `${t('calls')}#`, `${t('errors')}#`, `${t('median')}#`, `${t('p95')}#`, `${t('p99')}#`, `${t('computed')}#`, `${t('memory')}#`, `${t('texts')}#`];
  const rows = seen.map((s) => {
    const link_ = link(`#/plugins/${spec.plugin}/${s.version}`, s.version);
    const known = s.calls === undefined ? Array(8).fill('–') : [number(s.calls), number(s.errors), ...s.wall_us.map(duration), duration(s.cpu_total_us), bytes(s.memory_bytes), number(s.inference_texts)];
    return [link_, `${share(s.version)} %`, ...known];
  });
  return [table(t('split'), titles, rows), h('p', { class: 'soft' }, t('since-start'))];
}

/** The version on trial, what its guard says, and the two ways to end it. */
function trial(where, name, { candidate, last_rollback: back }, [, before], again) {
  const told = back && h('p', { class: 'notice' }, h('strong', {}, t('rolled-back')), ' ', moment(back.at), h('br'), back.reason);
  if (!candidate) return told;
  const { version, guard } = candidate;
  const place = h('div', {});
  const promote = action(t('promote'), 'primary', async () => {
    const sure = await ask({ title: t('promote-title', { version }), body: h('p', {}, t('promote-body', { version })), yes: t('promote') });
    if (!sure) return;
    await api(`${where}/promote`, { method: 'POST', body: {} });
    again();
  }, place);
  const kind = { keep: 'good', 'roll-back': 'bad' }[guard.verdict] ?? 'idle';
  return [told, h('div', { class: 'on-trial' },
    h('h3', {}, `${t('trial')}: ${version}`, ' ', badge(kind, t(`verdict-${guard.verdict}`))),
    guard.verdict === 'undecided' && h('p', {}, t('needs', { calls: number(guard.needs) })),
    guard.reason && h('p', {}, guard.reason),
    may('publish') && h('div', { class: 'buttons' }, promote, before && rollBack(where, name, before.revision, again, place)), place)];
}

/** A button that goes back to a revision; what that would give the function beyond what it has must be allowed first. */
function rollBack(where, name, revision, again, place) {
  return action(t('roll-back'), '', async () => {
    const sure = await ask({ title: t('roll-back-title', { revision }), body: h('p', {}, t('roll-back-body', { revision })), yes: t('roll-back') });
    if (!sure) return;
    const done = await withConsent(name, [], (grants) => api(`${where}/rollback`, { method: 'POST', body: { to: revision, grants } }));
    if (done) again();
  }, place);
}

function granted(spec, asks) {
  const given = Object.entries(spec.grants).flatMap(([kind, names]) => names.map((name) => ({ kind, name })));
  if (given.length === 0) return h('p', { class: 'none' }, t('granted-nothing'));
  const words = ({ kind, name }) => {
    const asked = asks.find((a) => a.kind === kind && a.name === name);
    return asked ? said(asked) : code(`${kind}=${name}`);
  };
  return h('ul', { class: 'can' }, given.map((grant) => h('li', {}, words(grant))));
}

function revisions(where, name, history, again) {
  const place = h('div', {});
  const rows = history.slice(0, 50).map((revision, i) => [
    String(revision.revision), moment(revision.created_at), h('code', {}, revision.created_by), split(revision.spec), revision.reason || '–',
    i === 0 ? badge('good', t('now')) : may('publish') && rollBack(where, name, revision.revision, again, place),
  ]);
  return [place, table(t('history'), [t('revision'), t('time'), t('by'), t('split'), t('reason'), ''], rows)];
}

/** The latest calls, each with its log when it is opened. */
function lastCalls(where, signal) {
  const which = h('select', { 'aria-label': t('which-calls'), onchange: () => load() },
    h('option', { value: '' }, t('all-calls')), h('option', { value: '&outcome=failed' }, t('failed-calls')));
  const place = h('div', { class: 'calls', role: 'group', 'aria-label': t('last-calls') });
  async function load() {
    try {
      const calls = await api(`${where}/invocations?limit=25${which.value}`, { signal });
      put(place, calls.length === 0 ? h('p', { class: 'none' }, t('nothing')) : calls.map((invocation) => oneCall(where, invocation, signal)));
    } catch (error) {
      if (!signal.aborted) put(place, problem(error));
    }
  }
  load();
  return { load, section: section(t('last-calls'), { class: 'card last' }, which, place) };
}

function outcome({ problem: code, failed, status }) {
  if (code) return badge(failed ? 'bad' : 'warn', code);
  return badge(failed ? 'bad' : 'good', status === null ? t('done') : String(status));
}

function oneCall(where, invocation, signal) {
  const place = h('div', { class: 'opened' });
  async function opened(event) {
    if (!event.target.open) return;
    try {
      const { log, input, ...whole } = await api(where + path`/invocations/${invocation.id}`, { signal });
      put(place, facts([[t('call-id'), code(whole.id)], [t('computed'), duration(whole.cpu_us)], [t('memory'), bytes(whole.memory_bytes)], [t('revision'), String(whole.revision)]]),
        input && [h('h4', {}, t('input')), h('pre', {}, input.text)],
        h('h4', {}, t('log')), logLines(log));
    } catch (error) {
      if (!signal.aborted) put(place, problem(error));
    }
  }
  return h('details', { ontoggle: opened },
    h('summary', {}, moment(invocation.started_at), h('span', {}, invocation.version), h('span', { class: 'number' }, duration(invocation.wall_us)), outcome(invocation)),
    place);
}

function logLines(lines) {
  if (lines.length === 0) return h('p', { class: 'none' }, t('no-log'));
  return h('ol', { class: 'log' }, lines.map((line) => h('li', {},
    h('span', { class: `level ${line.level}` }, line.level), h('span', {}, line.message,
      Object.entries(line.fields).map(([name, value]) => h('small', {}, ` ${name}=${value}`))))));
}

/** A form that calls a function, and shows what it answers. */
function callForm(named, http, then) {
  const method = h('select', {}, ['POST', 'GET', 'PUT', 'PATCH', 'DELETE'].map((verb) => h('option', {}, verb)));
  if (http) method.value = 'GET';
  const rest = h('input', { type: 'text', spellcheck: 'false', placeholder: http ? '/' : '' });
  const body = h('textarea', { rows: '6', spellcheck: 'false' });
  body.value = http ? '' : EXAMPLE;
  const place = h('div', { 'aria-live': 'polite' });
  const button = h('button', { type: 'submit', class: 'primary' }, t('send'));
  async function send() {
    const sent = method.value === 'GET' || body.value.trim() === '' ? undefined : body.value;
    try {
      if (sent !== undefined) JSON.parse(sent);
    } catch (error) {
      throw new Problem(0, { title: t('bad-json'), detail: error.message });
    }
    put(place, shown(await call(session.me.tenant, named(), { method: method.value, rest: rest.value.trim(), body: sent })));
    then?.();
  }
  return h('form', { onsubmit: (event) => { event.preventDefault(); run(button, send, place); } },
    h('div', { class: 'row' }, field(t('method'), method), field(t('path'), rest)), field(t('body'), body), button, place);
}

function shown({ status, text, cut, took, type, id }) {
  if (status === 0) return h('p', { class: 'notice' }, t('answer-redirect'));
  let written = text;
  let body = null;
  if (!cut && /\bjson\b/.test(type)) {
    try {
      body = JSON.parse(text);
      written = JSON.stringify(body, null, 2);
    } catch { /* What says that it is JSON and is not is shown as it is. */ }
  }
  const refused = status >= 400 && type.startsWith('application/problem+json') && body;
  return [
    h('h3', {}, t('answer'), ' ', badge(status < 400 ? 'good' : status < 500 ? 'warn' : 'bad', String(status)), ' ', h('small', {}, duration(took * 1000))),
    refused ? problem(new Problem(status, body)) : written === '' ? h('p', { class: 'none' }, t('answer-empty')) : h('pre', { tabindex: '0' }, written),
    cut && h('p', { class: 'soft' }, t('answer-cut')),
    id && !refused && h('p', { class: 'soft' }, t('call-id'), ' ', code(id)),
  ];
}

/** For a key that may call and not read: the form alone. */
export async function callOnly() {
  const name = h('input', { type: 'text', spellcheck: 'false', required: true });
  return [
    h('h1', { tabindex: '-1' }, t('call-a-function')), h('p', { class: 'lead' }, t('call-only')),
    h('div', { class: 'card call' }, field(t('name'), name), callForm(() => name.value.trim(), false)),
  ];
}
