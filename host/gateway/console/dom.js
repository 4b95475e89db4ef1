// Every element of the console is made here. What comes from outside (names, logs, manifests, problems) becomes text nodes and
// nothing else: there is no way through this file by which a text is read as HTML.

import { t } from './words.js';

/** An element with attributes, `onevent` handlers, and children: nodes, texts, lists of them; nothing where null or false. */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) {
      if (typeof value !== 'function') throw new TypeError(`${name} takes a function`);
      element.addEventListener(name.slice(2), value);
    } else if (name === 'href' && !/^(#|\/(?!\/))/.test(value)) {
      throw new TypeError('links lead to this host alone');
    } else {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  put(element, children);
  return element;
}

/** Puts these children in place of what an element holds. */
export function put(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false));
  return element;
}

/** A text in which what stands between backticks is code. */
export const rich = (text) => text.split('`').map((part, i) => (i % 2 === 1 ? code(part) : part));
export const link = (to, ...children) => h('a', { href: to }, ...children);
export const code = (text) => h('code', {}, text);
export const badge = (kind, ...children) => h('span', { class: `badge ${kind}` }, ...children);

/** A part of a page with a heading. */
export function section(title, attributes, ...children) {
  const heading = h('h2', {}, title);
  return h('section', { class: 'card', ...attributes }, heading, ...children);
}

/** Names and values. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return h('dl', { class: 'facts' }, shown.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

/** A table. A title that ends with `#` is that of a column of numbers. */
export function table(caption, titles, rows, none = t('nothing')) {
  if (rows.length === 0) return h('p', { class: 'none' }, rich(none));
  const numeric = titles.map((title) => title.endsWith('#'));
  const head = titles.map((title, i) => h('th', { scope: 'col', class: numeric[i] && 'number' }, title.replace(/#$/, '')));
  const row = (cells) => cells instanceof Node ? cells : h('tr', {}, cells.map((cell, i) =>
    i === 0 ? h('th', { scope: 'row' }, cell) : h('td', { class: numeric[i] && 'number' }, cell)));
  return h('div', { class: 'scroll', role: 'group', tabindex: '0', 'aria-label': caption },
    h('table', {}, h('caption', { class: 'hidden' }, caption), h('thead', {}, h('tr', {}, head)), h('tbody', {}, rows.map(row))));
}

/** A share of a whole, drawn. */
export function bar(parts, label) {
  return h('div', { class: 'bar', role: 'img', 'aria-label': label }, parts.map(({ share, kind }) => {
    const part = h('span', { class: kind });
    part.style.setProperty('--share', String(share));
    return part;
  }));
}

export function field(label, input, hint) {
  return h('label', { class: 'field' }, h('span', {}, label), input, hint && h('small', {}, rich(hint)));
}

/** What went wrong, as the API says it: title, detail, and what to do next. */
export function problem(error) {
  const next = error.next?.();
  return h('div', { class: 'problem', role: 'alert' },
    h('strong', {}, error.title ?? t('failed')),
    h('p', {}, rich(error.message)),
    next && h('p', { class: 'next' }, t('next'), ' ', code(next)),
    error.body?.invocation && h('p', { class: 'next' }, t('call-id'), ' ', code(error.body.invocation)));
}

/** A button that does something which takes a while; what goes wrong is shown in `place`. */
export function action(label, kind, act, place) {
  const button = h('button', { type: 'button', class: kind, onclick: () => run(button, act, place) }, label);
  return button;
}

/** Runs an action of a button, one at a time. */
export async function run(button, act, place) {
  if (button.disabled) return;
  button.disabled = true;
  put(place);
  try {
    await act();
  } catch (error) {
    put(place, problem(error));
  } finally {
    button.disabled = false;
  }
}

/** A question over the page. Resolves to whether it was answered with yes; for that, what must be agreed to is ticked first. */
export function ask({ title, body, yes, agree, kind = 'primary' }) {
  return new Promise((resolve) => {
    const accept = h('button', { type: 'button', class: kind, disabled: Boolean(agree), onclick: () => dialog.close('yes') }, yes);
    const tick = agree && h('label', { class: 'agree' },
      h('input', { type: 'checkbox', onchange: (event) => { accept.disabled = !event.target.checked; } }), h('span', {}, agree));
    const cancel = h('button', { type: 'button', autofocus: true, onclick: () => dialog.close('') }, t('cancel'));
    const dialog = h('dialog', { 'aria-labelledby': 'dialog-title', onclose: () => { dialog.remove(); resolve(dialog.returnValue === 'yes'); } },
      h('h2', { id: 'dialog-title' }, title), body, tick, h('div', { class: 'buttons' }, cancel, accept));
    document.body.append(dialog);
    dialog.showModal();
  });
}
