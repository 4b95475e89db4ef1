// The API, asked with the key of whoever signed in. The key lives in this tab alone: sessionStorage, and the header of requests
// to this host.

import { t } from './words.js';

const KEY = 'steward-key';
/** As much of the answer of a function is shown. */
const MAX_SHOWN = 256 * 1024;

const ROLES = {
  platform: ['read', 'invoke', 'publish', 'manage-keys', 'manage-tenants'],
  operator: ['read', 'invoke', 'publish', 'manage-keys'],
  publisher: ['read', 'invoke', 'publish'],
  invoker: ['invoke'],
  viewer: ['read'],
};

/** Who signed in: the answer of `/api/v1/me`. */
export const session = { me: null };

export const hasKey = () => sessionStorage.getItem(KEY) !== null;

/** Keeps the key if the host knows it. */
export async function signIn(key) {
  sessionStorage.setItem(KEY, key);
  try {
    session.me = await api('/api/v1/me');
  } catch (error) {
    signOut();
    throw error;
  }
}

export async function resume() {
  session.me = await api('/api/v1/me');
}

export function signOut() {
  sessionStorage.removeItem(KEY);
  session.me = null;
}

/** Whether the key allows this, so that what it does not is not offered. The host decides in any case. */
export function may(act, functionName) {
  const { role, scopes } = session.me;
  const allowed = ROLES[role]?.includes(act) ?? true;
  const named = functionName && scopes.includes(`function=${functionName}`);
  return allowed && (scopes.length === 0 || scopes.includes(act) || Boolean(named));
}

/** An answer that is none: problem+json, or no answer at all. */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail ?? '');
    this.status = status;
    this.title = body.title;
    this.body = body;
    this.retryAfter = retryAfter;
    this.code = String(body.type ?? '').split('/').pop();
  }

  /** What to do now, as far as the host says it. */
  next() {
    const { next, grant } = this.body;
    if (typeof next === 'string') return next;
    if (typeof grant === 'string') return grant;
    return this.retryAfter ? t('try-again', { seconds: this.retryAfter }) : null;
  }
}

/** A path with each value as one segment of it. */
export function path(parts, ...values) {
  return String.raw({ raw: parts }, ...values.map((value) => encodeURIComponent(value)));
}

async function send(where, { method = 'GET', body, headers = {}, signal, redirect = 'error' } = {}) {
  const authorization = `Bearer ${sessionStorage.getItem(KEY)}`;
  try {
    return await fetch(where, {
      method, body, signal, redirect, headers: { ...headers, authorization }, credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer',
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, { title: t('unreachable'), detail: t('unreachable-detail') });
  }
}

/** Asks the API and reads its JSON; `body` is sent as JSON. */
export async function api(where, { method, body, signal } = {}) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await send(where, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await response.text();
  let answer = null;
  try {
    answer = text === '' ? null : JSON.parse(text);
  } catch {
    answer = { title: t('not-json'), detail: text.slice(0, 500) };
    if (response.ok) throw new Problem(response.status, answer);
  }
  if (response.ok) return answer;
  throw new Problem(response.status, answer ?? {}, response.headers.get('retry-after'));
}

/** Calls a function; whatever it answers is an answer. */
export async function call(tenant, name, { method, rest, body, signal }) {
  const prefix = path`/f/${tenant}/${name}`;
  const where = rest === '' ? prefix : `${prefix}/${rest.replace(/^\//, '')}`;
  if (new URL(where, location.origin).pathname.split('/').slice(0, 4).join('/') !== prefix) {
    throw new Problem(0, { title: t('bad-path'), detail: where });
  }
  const begun = performance.now();
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await send(where, { method, body, headers, signal, redirect: 'manual' });
  const { text, cut } = await shown(response);
  return {
    status: response.status, text, cut,
    took: performance.now() - begun,
    type: response.headers.get('content-type') ?? '',
    id: response.headers.get('steward-invocation-id'),
  };
}

/** The beginning of a body, as text: functions may answer without end. */
async function shown(response) {
  if (!response.body) return { text: '', cut: false };
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let size = 0; size <= MAX_SHOWN;) {
    const { done, value } = await reader.read();
    if (done) return { text: text + decoder.decode(), cut: false };
    size += value.length;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return { text: text.slice(0, MAX_SHOWN), cut: true };
}
