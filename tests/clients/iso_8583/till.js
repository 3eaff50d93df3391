// SPDX-License-Identifier: Apache-2.0
// A till whose every message to the bank is made and read by npm's iso_8583, as it is.
'use strict';
const fs = require('fs');
const net = require('net');
const readline = require('readline');
const Iso = require('iso_8583');

const BOOKS = '/var/lib/till/books.ndjson';
const PATIENCE_MS = 500;
const sold = new Set();
const waiting = new Map(); // STAN -> resolve
let socket, stan = 0, rest = Buffer.alloc(0);

function heard(data) {
  rest = Buffer.concat([rest, data]);
  while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
    const message = rest.subarray(0, 2 + rest.readUInt16BE(0));
    rest = rest.subarray(message.length);
    const answer = new Iso().getIsoJSON(message);
    if (answer.error) throw new Error(JSON.stringify(answer));
    const done = waiting.get(answer['11']);
    waiting.delete(answer['11']);
    if (done) done(answer);
  }
}

function dial() {
  return new Promise((resolve, reject) => {
    if (socket) return resolve();
    const s = net.connect(8583, 'bank');
    s.once('connect', () => { socket = s; rest = Buffer.alloc(0); resolve(); });
    s.on('data', heard);
    s.on('error', reject);
    s.on('close', () => { if (socket === s) socket = null; for (const d of waiting.values()) d(null); });
  });
}

// The answer; null when there is none.
async function ask(fields) {
  try { await dial(); } catch { return null; }
  const bytes = new Iso(fields).getBufferMessage();
  if (bytes.error) throw new Error(JSON.stringify(bytes));
  return new Promise((resolve) => {
    const timer = setTimeout(() => { waiting.delete(fields['11']); resolve(null); }, PATIENCE_MS);
    waiting.set(fields['11'], (a) => { clearTimeout(timer); resolve(a); });
    socket.write(bytes);
  });
}

function now() {
  return new Date().toISOString().slice(5, 19).replace(/[-T:]/g, '');
}

function head(mti, key, amount) {
  return {0: mti, 3: '000000', 4: String(amount).padStart(12, '0'), 7: now(),
    11: String(++stan).padStart(6, '0'), 41: 'NODE0001', 48: key, 49: '978'};
}

async function reverse(sale) {
  const back = {...sale, 0: '0420', 90: '0200' + sale['11'] + sale['7'] + '0'.repeat(22)};
  for (let tries = 0; tries < 40; tries++) {
    const answer = await ask(back);
    if (answer && answer['0'] === '0430' && answer['39'] === '00') return;
    back['0'] = '0421';
  }
}

async function pay(key, amount) {
  const sale = head('0200', key, amount);
  const answer = await ask(sale);
  if (answer && answer['0'] === '0210') return answer['39'] === '00';
  await reverse(sale);
  return false;
}

async function work(line) {
  const r = JSON.parse(line);
  let outcome = 'ok';
  if (!sold.has(r.key)) {
    if (r.tender !== 'cash' && !await pay(r.key, r.amount)) outcome = 'refused';
    if (outcome === 'ok') {
      sold.add(r.key);
      fs.appendFileSync(BOOKS, JSON.stringify({key: r.key, total: r.amount, tender: r.tender,
        currency: 'EUR', state: 'paid'}) + '\n');
    }
  }
  console.log(JSON.stringify({id: r.id, outcome, total: r.amount, currency: 'EUR'}));
}

readline.createInterface({input: process.stdin}).on('line', work).on('close', () => process.exit());
