// The frame of the console: signing in, the menu, and which view the address names.

import { Problem, hasKey, may, resume, session, signIn, signOut } from './api.js';
import { field, h, link, problem, put, rich } from './dom.js';
import * as functions from './functions.js';
import * as lists from './lists.js';
import * as plugins from './plugins.js';
import { language, setLanguage, t } from './words.js';

/** Each view: what it needs of the key, and how it is made of the parts of its address. */
const VIEWS = {
  functions: { needs: 'read', list: functions.list, one: functions.one },
  plugins: { needs: 'read', list: plugins.list, one: plugins.one },
  models: { needs: 'read', list: lists.models, one: lists.model },
  datasets: { needs: 'read', list: lists.datasets, one: lists.dataset },
  triggers: { needs: 'read', list: lists.triggers, one: lists.trigger },
  usage: { needs: 'read', list: lists.usage },
  audit: { needs: 'manage-keys', list: lists.audit },
};

const mark = (size) => h('img', { src: '/console/mark.svg', width: size, height: size, alt: '' });
const menu = h('nav', {});
const main = h('main', { id: 'main', tabindex: '-1' });
/** Ends what the view that is left still waits for. */
let leave = new AbortController();

function languages() {
  const choice = (tag, name) => h('button', {
    type: 'button', class: 'plain', lang: tag, 'aria-pressed': String(language() === tag),
    onclick: () => { setLanguage(tag); start(); },
  }, name);
  return h('div', { class: 'languages', role: 'group', 'aria-label': 'Language / 语言' }, choice('en', 'English'), choice('zh', '中文'));
}

function frame() {
  const { me } = session;
  const entries = Object.entries(VIEWS).filter(([, view]) => may(view.needs)).map(([name]) => h('li', {}, link(`#/${name}`, t(name))));
  if (!may('read')) entries.unshift(h('li', {}, link('#/call', t('call-a-function'))));
  menu.setAttribute('aria-label', t('main-menu'));
  put(menu, h('ul', {}, entries));
  const who = h('div', { class: 'who' },
    h('strong', {}, me.name), h('span', {}, `${t('tenant')} ${me.tenant} · ${t(`role-${me.role}`).replace(/^role-/, '')}`));
  put(document.body,
    h('a', { class: 'skip', href: '#main', onclick: (event) => { event.preventDefault(); main.focus(); } }, t('skip')),
    h('div', { class: 'frame' },
      h('header', { class: 'side' },
        h('a', { class: 'brand', href: '#/' }, mark(28), h('span', {}, 'Steward')),
        menu,
        h('div', { class: 'foot' }, who, languages(),
          h('button', { type: 'button', class: 'plain', onclick: () => { signOut(); start(); } }, t('sign-out')))),
      main));
}

function signInPage(error) {
  const key = h('input', { type: 'password', id: 'key', autocomplete: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'key-hint' });
  const place = h('div', {}, error && problem(error));
  const button = h('button', { type: 'submit', class: 'primary' }, t('sign-in'));
  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    put(place);
    try {
      const given = key.value.trim();
      if (!/^[\x21-\x7e]+$/.test(given)) throw new Problem(0, { title: t('not-a-key'), detail: t('not-a-key-detail') });
      await signIn(given);
      start();
    } catch (failed) {
      put(place, problem(failed));
      key.focus();
    } finally {
      button.disabled = false;
    }
  }
  const page = h('main', { class: 'sign-in' },
    h('div', { class: 'welcome' }, mark(44), h('h1', {}, 'Steward'), h('p', {}, t('lead'))),
    h('form', { class: 'card', onsubmit: submit },
      field(t('key'), key), h('small', { id: 'key-hint' }, rich(t('key-hint'))), place, button),
    h('p', { class: 'open' }, t('without-key'), ' · ', link('/openapi.json', t('interface')), ' · ', link('/metrics', t('metrics')), ' · ', link('/readyz', t('health'))),
    languages());
  document.title = `${t('sign-in')} · Steward`;
  put(document.body, page);
  key.focus();
}

/** The parts of the address behind `#`. */
function address() {
  try {
    return location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return ['unknown'];
  }
}

function chosen() {
  const [name, ...rest] = address();
  if (name === undefined) return may('read') ? ['functions', functions.list, []] : ['call', functions.callOnly, []];
  if (name === 'call') return ['call', functions.callOnly, []];
  const view = Object.hasOwn(VIEWS, name) ? VIEWS[name] : null;
  return [name, rest.length > 0 ? view?.one : view?.list, rest];
}

/** Shows the view that the address names. */
async function show() {
  if (!session.me) return;
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const [name, view, rest] = chosen();
  for (const entry of menu.querySelectorAll('a')) {
    if (entry.getAttribute('href') === `#/${name}`) entry.setAttribute('aria-current', 'page');
    else entry.removeAttribute('aria-current');
  }
  const waiting = setTimeout(() => put(main, h('p', { class: 'loading', role: 'status' }, t('loading'))), 150);
  try {
    if (!view) throw new Problem(404, { title: t('unknown-page'), detail: location.hash });
    const content = await view(rest, { signal, again: show });
    if (signal.aborted) return;
    put(main, content);
  } catch (error) {
    if (signal.aborted) return;
    if (error.status === 401) {
      signOut();
      signInPage(error);
      return;
    }
    put(main, h('h1', { tabindex: '-1' }, t(name)), problem(error));
  } finally {
    clearTimeout(waiting);
  }
  const heading = main.querySelector('h1');
  document.title = `${heading?.textContent ?? t('console')} · Steward`;
  heading?.focus();
  window.scrollTo(0, 0);
}

/** From the beginning: with the key that this tab has, or by asking for one. */
async function start() {
  document.documentElement.lang = language() === 'zh' ? 'zh-CN' : 'en';
  if (!hasKey()) return signInPage();
  try {
    if (!session.me) await resume();
  } catch (error) {
    if (error.status === 401) signOut();
    return signInPage(error);
  }
  frame();
  return show();
}

window.addEventListener('hashchange', show);
start();
