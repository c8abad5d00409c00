(function () {
'use strict';
var texts = JSON.parse(document.getElementById('texts').textContent);
var parts = location.hash.slice(1).split(/[?&]/), ticket = parts[0];
// Who sends a person here in the middle of a login adds its state to the URL, wherever that is, and gets it back.
var state = /[?&](state=[^&]+)/.exec(location.search + '&' + parts.slice(1).join('&'));
state = state ? state[1] : '';
var accounts = {}, order = [], company = '', view = null;
var source = null, timer = 0, tries = 0, heard = 0, over = false, trouble = 0;

function at(id) { return document.getElementById(id); }
function say(name, values) {
  return texts[name].replace(/\{(\w+)\}/g, function (all, key) { return String(values && key in values ? values[key] : all); });
}
function put(node, text) { if (node.textContent !== text) { node.textContent = text; } }
function later(work, ms) { clearTimeout(timer); timer = setTimeout(work, ms); }
function wait() { tries += 1; return Math.min(1000 * Math.pow(2, tries - 1), 15000); }

// A problem with the connection is shown once it has lasted a moment.
function troubled() {
  if (!trouble) { trouble = setTimeout(function () { put(at('summary'), texts.offline); }, 4000); }
}
function well() {
  tries = 0;
  if (trouble) { clearTimeout(trouble); trouble = 0; summary(); }
}
function end(name) {
  over = true;
  clearTimeout(timer);
  clearTimeout(trouble);
  if (source) { source.close(); source = null; }
  if (name && !isReady()) { put(at('summary'), texts[name]); at('close').hidden = true; }
}

function isSettled(state) { return state === 'done' || state === 'inactive' || state === 'not_in_scope'; }
function isReady() { return order.length > 0 && order.every(function (id) { return isSettled(accounts[id].state); }); }

function summary() {
  if (!view) { return; }
  var open = order.filter(function (id) { return accounts[id].state === 'pending' || accounts[id].state === 'held'; });
  var done = order.filter(function (id) { return isSettled(accounts[id].state); });
  var text = say('progress', { done: done.length, all: order.length });
  if (isReady()) { text = texts.all; } else if (!open.length) { text = texts.partly; }
  put(at('summary'), text);
  at('close').hidden = isReady();
}

function words(account) {
  var name = account.state === 'pending' && account.code ? 'slow' : account.state;
  return say(name, { company: company });
}

function row(account) {
  var id = account.target, item = at('account-' + id);
  if (!item) {
    item = document.createElement('li');
    item.id = 'account-' + id;
    var box = document.createElement('div'), name = document.createElement('b'), state = document.createElement('span');
    var isolated = document.createElement('bdi');
    isolated.textContent = id;
    name.appendChild(isolated);
    box.appendChild(name);
    box.appendChild(state);
    item.appendChild(box);
    at('accounts').appendChild(item);
    order.push(id);
  }
  item.className = account.state;
  put(item.querySelector('span'), words(account));
}

// A row replaces an older one only, so what comes twice changes nothing.
function take(rows) {
  rows.forEach(function (account) {
    var had = accounts[account.target];
    if (had && had.sequence >= account.sequence) { return; }
    accounts[account.target] = account;
    row(account);
  });
  summary();
  if (isReady()) { end(); resume(); }
}

// A login that waits for this page continues by itself, once there is nothing to wait for.
function resume() {
  if (state && view.return_url) { setTimeout(function () { location.replace(at('back').href); }, 1000); }
}

function show(answer) {
  view = answer;
  company = answer.company.name;
  put(at('company'), company);
  var style = document.documentElement.style, colours = answer.company.colours;
  Object.keys(colours).forEach(function (name) { style.setProperty('--' + name, colours[name]); });
  if (answer.return_url) {
    at('back').href = answer.return_url + (state ? '?' + state : '');
    put(at('back'), say('back', { company: company }));
    at('back').hidden = false;
  }
  take(answer.accounts);
}

function ask(method, path, body) {
  var options = { method: method, credentials: 'same-origin', cache: 'no-store' };
  if (body) { options.body = JSON.stringify(body); options.headers = { 'content-type': 'application/json' }; }
  return fetch(path, options).then(function (response) {
    if (response.status === 401 || response.status === 403) { end(ticket ? 'expired' : 'no_ticket'); return null; }
    if (!response.ok) { throw new Error('status'); }
    return response.json();
  });
}

function poll() {
  if (over) { return; }
  ask('GET', '/s/state').then(function (answer) {
    if (!answer) { return; }
    well();
    show(answer);
    if (!over) { later(listen, 3000); }
  }).catch(function () { troubled(); if (!over) { later(listen, wait()); } });
}

// Events where they work. Where they do not, the state is asked for every few seconds.
function listen() {
  if (over) { return; }
  if (!window.EventSource || heard < -1) { poll(); return; }
  if (source) { source.close(); }
  source = new EventSource('/s/events');
  source.onopen = well;
  source.addEventListener('accounts', function (event) { heard = 1; well(); take(JSON.parse(event.data)); });
  source.addEventListener('end', function () { end('expired'); });
  source.onerror = function () {
    troubled();
    // The browser connects again by itself, unless it was rejected.
    if (source && source.readyState === 2) { source = null; heard -= heard > 0 ? 0 : 1; poll(); }
  };
  // What stands between may keep the events back.
  later(function () { if (heard < 1 && source) { source.close(); source = null; heard -= 1; poll(); } }, 8000);
}

function begin() {
  var asked = ticket ? ask('POST', '/s/session', { ticket: ticket }) : ask('GET', '/s/state');
  asked.then(function (answer) {
    if (!answer) { return; }
    // From here on the cookie stands for the ticket, which stays in no history.
    if (ticket) { history.replaceState(null, '', location.pathname + (location.search || (state && '?' + state))); }
    well();
    show(answer);
    listen();
  }).catch(function () { troubled(); later(begin, wait()); });
}

if (state) {
  Array.prototype.forEach.call(document.querySelectorAll('nav a'), function (link) { link.href += '&' + state; });
}
window.addEventListener('online', function () { if (!over && !source) { later(view ? listen : begin, 0); } });
window.addEventListener('hashchange', function () { location.reload(); });
begin();
})();
